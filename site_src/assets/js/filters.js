/* A picture drawn on a known palette in other colours, and with more contrast, by an SVG filter: colours become values,
   these are stretched, and become colours again. No pixel is read, so it works from a file and in a sandbox too. */
(function () {
  "use strict";
  var NS = "http://www.w3.org/2000/svg", KNOTS = 256; // one for each code
  var ZERO = 128 / 255, LAST = 254 / 255; // values between two steps of the picture are those of its codes, so that zero stays zero

  /* "ffffff00381a.." as one list of numbers from 0 to 1 for red, one for green, one for blue. */
  function channels(colours) {
    return [0, 1, 2].map(function (channel) {
      return colours.match(/.{6}/g).map(function (colour) { return parseInt(colour.substr(channel * 2, 2), 16) / 255; });
    });
  }

  /* A table for SVG: at evenly spaced values of `from`, which rises or falls all along, what `to` is there. */
  function table(from, to) {
    var knots = [], falls = from[0] > from[from.length - 1];
    for (var n = 0; n < KNOTS; n++) knots.push(at(n / (KNOTS - 1)).toFixed(4));
    return knots.join(" ");

    function at(x) {
      for (var i = 1; i < from.length; i++) {
        var low = from[i - 1], high = from[i];
        if (falls ? x <= low && x >= high : x >= low && x <= high) {
          return low === high ? to[i] : to[i - 1] + (to[i] - to[i - 1]) * (x - low) / (high - low);
        }
      }
      return (falls ? x > from[0] : x < from[0]) ? to[0] : to[to.length - 1];
    }
  }

  function evenly(first, last, count) {
    return Array.from({ length: count }, function (_, n) { return first + (last - first) * n / (count - 1); });
  }

  function add(filter, name, values, tables) {
    var made = document.createElementNS(NS, name);
    Object.keys(values).forEach(function (key) { made.setAttribute(key, values[key]); });
    Object.keys(tables || {}).forEach(function (channel) {
      var func = document.createElementNS(NS, "feFunc" + channel);
      func.setAttribute("type", "table");
      func.setAttribute("tableValues", tables[channel]);
      made.append(func);
    });
    filter.append(made);
  }

  /* One channel of the picture in all three: red is 0, green 1. */
  function spread(channel, slope, shift) {
    var row = [0, 0, 0, 0, shift];
    row[channel] = slope;
    return [].concat(row, row, row, [0, 0, 0, 1, 0]).join(" ");
  }

  function made(id) {
    var svg = document.getElementById(id + "-place"), filter = document.createElementNS(NS, "filter");
    if (!svg) {
      svg = document.createElementNS(NS, "svg");
      svg.id = id + "-place";
      svg.setAttribute("class", "svg-filters");
      svg.setAttribute("width", 0);
      svg.setAttribute("height", 0);
      svg.setAttribute("aria-hidden", "true");
      document.body.append(svg);
    }
    filter.id = id;
    filter.setAttribute("color-interpolation-filters", "sRGB");
    ["x", "y"].forEach(function (key) { filter.setAttribute(key, "0"); });
    ["width", "height"].forEach(function (key) { filter.setAttribute(key, "100%"); });
    svg.replaceChildren(filter);
    return filter;
  }

  /* Put the filter `id` on the page: red, green and blue, from 0 to 1, become `slope` times themselves plus `shift`. */
  function linear(id, slope, shift) {
    var rows = [0, 1, 2].map(function (channel) {
      var row = [0, 0, 0, 0, shift];
      row[channel] = slope;
      return row.join(" ");
    });
    add(made(id), "feColorMatrix", { values: rows.join(" ") + " 0 0 0 1 0" });
  }

  /* Put the filter `id` on the page, in the place of an earlier one. The picture is drawn in the first of `palettes`, of
     innerview.palettes, and shown in `palette`; the colours end at 1 / `gain` of the scale. Signed ones have zero in their
     middle; `palette.lines` lie between the tiles. */
  function recolour(id, palettes, palette, gain) {
    var filter = made(id), signed = palettes === window.innerview.palettes.signed;
    var file = channels(palettes[0].colours), half = file[0].length >> 1, shift = signed ? ZERO * (1 - gain) : 0;
    var above = signed ? [0, 1, 2].map(function (n) { return file[n].slice(half); }) : file;
    var values = signed ? evenly(ZERO, 1, half + 1) : evenly(0, LAST, file[0].length), colours = channels(palette.colours);
    var tables = { R: table(above[0], values) };
    if (signed) tables.G = table(file[1].slice(0, half + 1), evenly(1 / 255, ZERO, half + 1));
    add(filter, "feComponentTransfer", { in: "SourceGraphic", result: "read" }, tables);
    add(filter, "feColorMatrix", { in: "read", values: spread(0, gain, shift), result: "value" });
    if (signed) { // purple is redder than green, green never is
      add(filter, "feColorMatrix", { in: "SourceGraphic", values: "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 120 -120 0 0 0", result: "purple" });
      add(filter, "feColorMatrix", { in: "read", values: spread(1, gain, shift), result: "below" });
      add(filter, "feComposite", { in: "below", in2: "purple", operator: "in", result: "negative" });
      add(filter, "feComposite", { in: "negative", in2: "value", operator: "over", result: "value" });
    }
    var along = signed ? evenly(1 / 255, 1, file[0].length) : evenly(0, LAST, file[0].length);
    add(filter, "feComponentTransfer", { in: "value", result: "shown" }, {
      R: table(along, colours[0]), G: table(along, colours[1]), B: table(along, colours[2])
    });

    // What lies between the tiles is a little less green than any value is that is as red.
    var line = channels(palette.lines).map(function (one) { return one[0]; });
    add(filter, "feComponentTransfer", { in: "SourceGraphic", result: "expected" }, { R: table(above[0], above[1]) });
    add(filter, "feColorMatrix", { in: "expected", result: "lacking", values: [
      0, 0, 0, 0, line[0], 0, 0, 0, 0, line[1], 0, 0, 0, 0, line[2], 60, -60, 0, 0, -1.2
    ].join(" ") });
    if (signed) add(filter, "feComposite", { in: "lacking", in2: "purple", operator: "out", result: "lacking" });
    add(filter, "feComposite", { in: "lacking", in2: "shown", operator: "over" });
  }

  window.innerview.filters = { linear: linear, recolour: recolour };
})();
