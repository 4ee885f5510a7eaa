/* The channels of a layer as a table that can be sorted and narrowed: patches, kernel, projections, histogram, numbers.
   The numbers come as a script once the table is near. Without this one the notable channels and the whole board stand there. */
(function () {
  "use strict";
  var element = window.innerview.element, plain = window.innerview.number, address = window.innerview.address;
  var sprite = window.innerview.sprite, changed = window.innerview.changed, STEP = 24, PATCH = 36;

  window.innerview.define("iv-channel-table", function (host, signal) {
    var board = sprite.grid(host.dataset.cells), strip = host.dataset.strip.split(" ").map(Number), kernelCells = sprite.grid(host.dataset.kernelCells);
    var more = JSON.parse(host.dataset.more), reports = JSON.parse(host.dataset.reports);
    var kernels = kernelCells && document.querySelector("[data-kernels] img");
    var data = null, shown = STEP, order = "channel", only = "all", body, status, next, noted = host.querySelector(".channel-table__noted");

    /* A tile of a sprite, `width` pixels wide, as the background of a box that says what it shows. */
    function tile(source, grid, place, width, words) {
      var box = element("span", "channel-table__tile");
      box.setAttribute("role", "img");
      box.setAttribute("aria-label", words);
      sprite.cut(box, grid, source, place, width * Math.max(1, grid.height / grid.width));
      return box;
    }

    function histogram(bars, unit) {
      var box = element("span", "channel-table__bars"), middle = (bars.length - 1) / 2, first = /^0+/.exec(bars.slice(0, middle));
      var from = first && first[0].length === middle ? middle : 0; // one side alone where nothing is negative
      for (var i = from; i < bars.length; i++) {
        var bar = element("i", i === middle ? "channel-table__zero" : "");
        bar.style.height = Math.round(parseInt(bars[i], 36) / 35 * 100) + "%";
        box.append(bar);
      }
      box.setAttribute("role", "img");
      box.setAttribute("aria-label", "Histogram of values, from " + (from ? "zero" : plain(-unit)) + " to " + plain(unit));
      return box;
    }

    function state(c) {
      var told = data.state[c], words = [];
      if (told.indexOf("b") >= 0) words.push("NaN or infinite");
      if (told.indexOf("d") >= 0) words.push("zero in every image");
      else if (told.indexOf("c") >= 0) words.push("constant");
      if (data.partner[c] >= 0 && data.alike[c] > 0.95) words.push("near-duplicate of channel " + data.partner[c] + " (correlation " + plain(data.alike[c]) + ")");
      return words;
    }

    function pictures(c) {
      return more.filter(function (one) { return one.channels.indexOf(c) >= 0; });
    }

    /* --- one row --- */

    function row(c) {
      var line = element("tr"), head = element("th"), link = element("a", "", String(c));
      line.id = "c" + c;
      head.scope = "row";
      link.href = "#c" + c;
      link.addEventListener("click", function (event) { // a browser that goes to a row takes the keyboard from the link
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        address.set({ c: c });
        changed(host, { channel: c });
      }, { signal: signal });
      head.append(link);
      line.append(head);
      var seen = element("td", "channel-table__seen");
      if (board) {
        var width = strip[0] * (PATCH + 1) - 1;
        var words = "dataset examples of channel " + c + ", from " + plain(data.top[c][0]) + " down";
        seen.append(tile(host.dataset.patches, board, c, width, words));
      }
      if (data.image[c] && reports) seen.append(named(c));
      line.append(seen, element("td", "channel-table__made"));
      if (kernels) line.lastChild.append(labelled("kernel", tile(kernels.getAttribute("src"), kernelCells, c, 48, "kernel of channel " + c)));
      var kinds = {};
      pictures(c).forEach(function (one) {
        if (kinds[one.kind]) return; // one of each kind is enough here
        kinds[one.kind] = true;
        var grid = sprite.grid(one.cells.join(" "));
        var anchor = element("a");
        anchor.href = one.href;
        anchor.append(tile(one.src, grid, one.channels.indexOf(c), 72, one.title + " of channel " + c + (one.of ? ", " + one.of : "")));
        line.lastChild.append(labelled(one.title + (one.of ? ", " + one.of : ""), anchor));
      });
      var bars = element("td");
      bars.append(histogram(data.bars[c], data.unit));
      line.append(bars, number(plain(data.max[c])), number(plain(data.mean[c])), number(data.zeros[c] / 10 + "\u00a0%"));
      line.append(element("td", "channel-table__why", state(c).join("; ")));
      return line;
    }

    function number(words) {
      return element("td", "channel-table__number", words);
    }

    function labelled(words, box) {
      var figure = element("span", "channel-table__labelled");
      figure.append(box, element("small", "", words));
      return figure;
    }

    /* Where the probe is the gallery's own images, its strongest three lead to their reports. */
    function named(c) {
      var list = element("span", "channel-table__names"), keys = Object.keys(reports);
      if (keys.length) data.image[c].slice(0, 3).forEach(function (number, rank) {
        var key = keys[number];
        if (!key || data.top[c][rank] === null || data.state[c]) return;
        var link = element("a", "", key);
        link.href = reports[key];
        list.append(link, " ");
      });
      return list;
    }

    /* --- which rows, in which order --- */

    var ORDERS = {
      channel: ["channel number", function (a, b) { return a - b; }],
      max: ["largest value first", function (a, b) { return data.max[b] - data.max[a]; }],
      mean: ["largest mean first", function (a, b) { return data.mean[b] - data.mean[a]; }],
      rare: ["least active first", function (a, b) { return data.zeros[b] - data.zeros[a]; }],
      often: ["most active first", function (a, b) { return data.zeros[a] - data.zeros[b]; }],
      alike: ["most similar first", function (a, b) { return data.alike[b] - data.alike[a]; }]
    };
    var FILTERS = {
      all: ["all channels", function () { return true; }],
      live: ["active channels", function (c) { return !data.state[c]; }],
      silent: ["zero in every image", function (c) { return data.state[c].indexOf("d") >= 0; }],
      constant: ["constant", function (c) { return data.state[c].indexOf("c") >= 0; }],
      broken: ["NaN or infinite", function (c) { return data.state[c].indexOf("b") >= 0; }],
      alike: ["near-duplicates", function (c) { return data.partner[c] >= 0 && data.alike[c] > 0.95; }],
      made: ["with feature visualisation", function (c) { return pictures(c).length > 0; }]
    };

    function chosen() {
      var list = [];
      for (var c = 0; c < data.max.length; c++) if (FILTERS[only][1](c)) list.push(c);
      return list.sort(function (a, b) { return ORDERS[order][1](a, b) || a - b; });
    }

    function pinned() {
      var c = address.get("c") ? Number(address.get("c")) : -1;
      return c < data.max.length ? c : -1;
    }

    /* Another channel is pinned: rows are made anew, and who had the keyboard on one has it there again. */
    function pin() {
      var row = body.contains(document.activeElement) && document.activeElement.closest("tr"), next;
      fill();
      next = row && document.getElementById(row.id);
      if (next) next.querySelector("a").focus();
    }

    function fill() {
      var list = chosen(), first = pinned();
      body.textContent = "";
      if (first >= 0) {
        list = [first].concat(list.filter(function (c) { return c !== first; }));
      }
      list.slice(0, shown).forEach(function (c) {
        var line = row(c);
        if (c === first) line.className = "channel-table__pinned";
        body.append(line);
      });
      status.textContent = Math.min(shown, list.length) + " of " + list.length + (list.length === 1 ? " channel" : " channels");
      next.hidden = list.length <= shown;
    }

    function choice(words, table, heard) {
      var label = element("label", "channel-table__choice", words + " "), select = element("select", "field");
      Object.keys(table).forEach(function (key) {
        var count = table === FILTERS ? data.max.map(function (_, c) { return c; }).filter(table[key][1]).length : -1;
        if (!count) return;
        var option = element("option", "", table[key][0] + (count > 0 ? " (" + count + ")" : ""));
        option.value = key;
        select.append(option);
      });
      select.addEventListener("change", function () { heard(select.value); }, { signal: signal });
      label.append(select);
      return label;
    }

    function build(found) {
      if (signal.aborted) return;
      data = found;
      var bar = element("div", "channel-table__bar"), region = element("div", "scroller"), table = element("table", "data-table channel-table__table");
      var head = element("tr"), foot = element("div", "channel-table__foot");
      ["Channel", "Dataset examples", more.length || kernels ? "Visualisation" : "", "Values", "Largest", "Mean", "Zero values", "Notes"].forEach(function (words) {
        var cell = element(words ? "th" : "td", "", words);
        if (words) cell.scope = "col";
        head.append(cell);
      });
      body = element("tbody");
      status = element("span", "channel-table__status");
      status.setAttribute("role", "status");
      next = element("button", "button", "Show more");
      next.type = "button";
      next.addEventListener("click", function () {
        shown += 4 * STEP;
        fill();
      }, { signal: signal });
      bar.append(choice("Order", ORDERS, function (value) { order = value; shown = STEP; fill(); }));
      bar.append(choice("Show", FILTERS, function (value) { only = value; shown = STEP; fill(); }));
      table.append(element("thead"), body);
      table.firstChild.append(head);
      region.append(table);
      region.tabIndex = 0;
      region.setAttribute("role", "region");
      region.setAttribute("aria-label", "All channels of the layer");
      foot.append(status, next);
      if (noted) noted.remove();
      host.querySelector(".section__head").after(bar, region, foot);
      fill();
      signal.addEventListener("abort", address.keep(["c"], pin));
      signal.addEventListener("abort", function () { // what the server wrote stands there again
        if (noted) region.replaceWith(noted);
        [bar, region, foot].forEach(function (part) { part.remove(); });
      });
    }

    function ask() {
      window.innerview.need("channel-table", host.dataset.channelTable, build);
    }

    if (address.get("c") || !window.IntersectionObserver) ask();
    else {
      var near = new IntersectionObserver(function (seen) {
        if (!seen.some(function (one) { return one.isIntersecting; })) return;
        near.disconnect();
        ask();
      }, { rootMargin: "600px" });
      near.observe(host);
      signal.addEventListener("abort", function () { near.disconnect(); });
    }
  });
})();
