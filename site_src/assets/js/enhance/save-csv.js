/* What a page knows of channels as a CSV file: the numbers beside a figure's sprite, and those of a layer's table. */
(function () {
  "use strict";
  var element = window.innerview.element, sprite = window.innerview.sprite;

  /* A field as RFC 4180 has it; what a spreadsheet would take for a formula is text there. */
  function field(value) {
    var words = value === null || value === undefined ? "" : String(value);
    if (typeof value === "string" && /^[=+\-@\t\r]/.test(words)) words = "'" + words;
    return /[",\r\n]/.test(words) ? '"' + words.replace(/"/g, '""') + '"' : words;
  }

  function written(rows) {
    return rows.map(function (row) { return row.map(field).join(","); }).join("\r\n") + "\r\n";
  }

  function save(name, rows) {
    var link = element("a"), address = URL.createObjectURL(new Blob([written(rows)], { type: "text/csv" }));
    link.href = address;
    link.download = name;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(function () { URL.revokeObjectURL(address); }, 10000);
  }

  function button(act) {
    var made = element("button", "button", "Channel numbers as CSV");
    made.type = "button";
    made.addEventListener("click", act);
    return made;
  }

  /* --- a figure's page --- */

  function ofFigure() {
    var data = document.getElementById("channels"), place = document.querySelector("[data-csv]"), view = document.querySelector("iv-channels");
    if (!data || !place || !view) return;
    place.append(button(function () {
      var numbers = JSON.parse(data.textContent), grid = sprite.grid(view.dataset.cells), kinds = Object.keys(numbers);
      var rows = [["channel"].concat(kinds)];
      numbers[kinds[0]].forEach(function (_, place) {
        rows.push([sprite.channelOf(grid, place)].concat(kinds.map(function (kind) { return numbers[kind][place]; })));
      });
      save(place.dataset.csv + ".csv", rows);
    }));
    place.hidden = false;
  }

  /* --- a layer's page, whose numbers come as a script --- */

  function ofLayer() {
    var table = document.querySelector("[data-channel-table]"), line = element("p", "caption");
    if (!table) return;
    line.append(button(function () {
      window.innerview.need("channel-table", table.dataset.channelTable, function (data) { save(name(), channels(data)); });
    }));
    table.querySelector(".section__head").append(line);
  }

  function name() {
    return location.pathname.split("/").pop().replace(/\.html$/, "") + "-channels.csv";
  }

  function channels(data) {
    var head = ["channel", "largest", "mean", "zeros", "most correlated channel", "correlation"];
    var names = { b: "NaN or infinite", d: "zero in every image", c: "constant" };
    head.push("state");
    if (data.raised) head.push("class raised most", "effect");
    return [head].concat(data.max.map(function (largest, c) {
      var row = [c, largest, data.mean[c], data.zeros[c] / 1000, data.partner[c] >= 0 ? data.partner[c] : "", data.partner[c] >= 0 ? data.alike[c] : ""];
      row.push(data.state[c].split("").map(function (letter) { return names[letter]; }).join("; "));
      if (data.raised) row.push.apply(row, data.raised[c].length ? [data.classes[data.raised[c][0][0]], data.raised[c][0][1]] : ["", ""]);
      return row;
    }));
  }

  window.innerview.csv = written;
  ofFigure();
  ofLayer();
})();
