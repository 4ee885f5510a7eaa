/* Beside a picture of few pixels: a switch between squares and smooth colours, and the value at the pointer. What it needs
   stands in the page as data-grid and data-values; pixels are never read back. */
(function () {
  "use strict";
  var element = window.innerview.element, number = window.innerview.number, root = document.documentElement;
  var narrow = window.matchMedia("(max-width: 34em)"), switches = [];

  function picture(line) {
    return line.parentNode.querySelector("[data-grid]");
  }

  function offer(line) {
    var button = element("button", "button", "Smooth");
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", function () {
      var smooth = button.getAttribute("aria-pressed") !== "true";
      if (smooth) root.dataset.smooth = "";
      else delete root.dataset.smooth;
      switches.forEach(function (other) { other.setAttribute("aria-pressed", smooth); });
    });
    if ("smooth" in root.dataset) button.setAttribute("aria-pressed", "true");
    switches.push(button);
    line.append(button);
    return button;
  }

  /* `x 2, y 0: 0.41`, counted from the upper left; without a value where the page has none. */
  function words(around, event) {
    var box = around.querySelector("img:last-of-type").getBoundingClientRect(), grid = around.dataset.grid.split(" ").map(Number);
    var column = Math.floor((event.clientX - box.left) / box.width * grid[0]), row = Math.floor((event.clientY - box.top) / box.height * grid[1]);
    var values = around.dataset.values ? around.dataset.values.split(" ") : [];
    if (column < 0 || row < 0 || column >= grid[0] || row >= grid[1]) return "";
    return ("coarse" in around.dataset ? "cell " : "") + "x " + column + ", y " + row + (values.length ? ": " + number(Number(values[row * grid[0] + column])) : "");
  }

  function point(line, around, signal) {
    var place = element("span", "true-scale__value");
    line.append(place);
    around.addEventListener("pointermove", function (event) { place.textContent = words(around, event); }, { signal: signal });
    around.addEventListener("pointerleave", function () { place.textContent = ""; }, { signal: signal });
    signal.addEventListener("abort", function () { place.remove(); });
  }

  /* A page of its own may hold no styles of its own: there the whole factor of a narrow place is set here. */
  function fit() {
    if (root.classList.contains("embedded")) return; // a frame decides how large its figure is
    document.querySelectorAll("[data-pixels]").forEach(function (around) {
      var data = around.dataset.pixels.split(" ").map(Number), times = narrow.matches ? data[2] : data[1];
      around.querySelectorAll("img").forEach(function (image) { image.style.width = times ? data[0] * times + "px" : ""; });
    });
    root.classList.add("is-fitted");
  }

  window.innerview.enliven(".true-scale", function (line, signal) {
    var around = picture(line), button = "smoothable" in line.dataset ? offer(line) : null;
    if (around) point(line, around, signal);
    signal.addEventListener("abort", function () {
      switches = switches.filter(function (other) { return other !== button; });
      if (button) button.remove();
    });
  });
  fit();
  narrow.addEventListener("change", fit);
})();
