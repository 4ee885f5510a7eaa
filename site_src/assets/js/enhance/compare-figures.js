/* Any two figures of the gallery: two places, each with a network, an image and a picture, which the address remembers
   (#a=..&b=..). What is known of a report's pictures comes from a script beside it, so that this works from a file too. */
(function () {
  "use strict";
  var plain = window.innerview.number, address = window.innerview.address, palettes = window.innerview.palettes;
  var page = document.querySelector("[data-compare-figures]");
  if (!page) return;
  var index = JSON.parse(document.getElementById("compare-figures").textContent), form = page.querySelector("[data-choice]");
  var viewer = page.querySelector("[data-viewer]"), said = page.querySelector("[data-status]"), shown = page.querySelector("[data-compared]");
  var stage = page.querySelector("[data-comparison]"), blend = page.querySelector(".comparison__blend"), root = "../", ids = { a: "", b: "" }, asked = 0;
  var sides = ["a", "b"], panes = { a: page.querySelector(".comparison__pane--left"), b: page.querySelector(".comparison__pane--right") };

  function control(side, name) {
    return form.elements[side + "-" + name];
  }

  function fill(select, entries, chosen) {
    select.replaceChildren.apply(select, entries.map(function (entry) {
      var option = document.createElement("option");
      option.value = entry[0];
      option.textContent = entry[1];
      return option;
    }));
    if (entries.some(function (entry) { return entry[0] === chosen; })) select.value = chosen;
  }

  /* --- what is known of pictures --- */

  function reportOf(id) {
    return id.split("/").slice(0, 2).join("/");
  }

  function exists(report) {
    var parts = report.split("/"), known = Object.prototype.hasOwnProperty.call(index.reports, parts[0]);
    return known && index.reports[parts[0]].indexOf(parts[1]) >= 0;
  }

  /* The pictures of a report, once the script that holds them is there. */
  function load(report, then) {
    window.innerview.need("figures/" + report, root + report + "/figures.js", then, function () {
      say("The figures of " + report + " could not be loaded. Reload the page.");
    });
  }

  function find(figures, id) {
    return figures.filter(function (figure) { return figure.id === id; })[0];
  }

  function say(words) {
    said.textContent = words;
  }

  /* --- choosing --- */

  function reportsOf(model) {
    return index.images.filter(function (image) { return index.reports[model].indexOf(image[0]) >= 0; });
  }

  /* The figure of another report that is most like the one shown: the same method and layer, if it has one. */
  function like(id, figures) {
    var name = id.split("/")[2] || "", bare = name.replace(/--class-.*/, "");
    return find(figures, figures[0].id.split("/").slice(0, 2).join("/") + "/" + name) ||
      figures.filter(function (figure) { return figure.id.split("/")[2].replace(/--class-.*/, "") === bare; })[0] || figures[0];
  }

  function another(id, figures) {
    var one = find(figures, id), place = figures.indexOf(one);
    var same = figures.filter(function (figure) { return figure !== one && figure.method === one.method; });
    return (same[0] || figures[(place + 1) % figures.length]).id;
  }

  function show(side, figures) {
    var parts = ids[side].split("/");
    fill(control(side, "model"), index.models.filter(function (model) { return reportsOf(model[0]).length; }), parts[0]);
    fill(control(side, "image"), reportsOf(parts[0]), parts[1]);
    fill(control(side, "figure"), figures.map(function (figure) { return [figure.id, figure.title]; }), ids[side]);
  }

  function chosen(side, report) {
    if (!exists(report)) report = report.split("/")[0] + "/" + reportsOf(report.split("/")[0])[0][0];
    load(report, function (figures) {
      ids[side] = like(ids[side], figures).id;
      remember();
      draw();
    });
  }

  /* --- drawing --- */

  function draw() {
    var now = ++asked;
    load(reportOf(ids.a), function (first) {
      load(reportOf(ids.b), function (second) {
        var a = find(first, ids.a), b = find(second, ids.b);
        if (now !== asked) return;
        if (!a || !b) return say("This gallery has no figure " + (a ? ids.b : ids.a) + ".");
        show("a", first);
        show("b", second);
        place(a, b);
      });
    });
  }

  function place(a, b) {
    var zoom = Math.max(1, Math.min(Math.floor(1064 / a.width), Math.floor(620 / a.height)));
    var width = a.width * zoom, height = a.height * zoom, together = a.kind && a.draw === b.draw, own = form.elements.own.checked;
    var ends = together && [Math.min(a.scale[0], b.scale[0]), Math.max(a.scale[1], b.scale[1])];
    stage.style.setProperty("--full", width + "px");
    stage.classList.toggle("comparison__stage--smooth", a.smooth || b.smooth);
    stage.classList.toggle("comparison__stage--large", width > 500);
    blend.replaceChildren();
    blend.style.aspectRatio = width + " / " + height;
    blend.setAttribute("aria-label", "Difference between " + a.title + " and " + b.title);
    [a, b].forEach(function (figure, number) {
      var side = sides[number], pane = panes[side], image = pane.querySelector("img"), link = pane.querySelector("a");
      var filter = together && !own ? toScale(side, figure, ends) : "", copy;
      image.src = root + figure.file;
      if (figure.animation) image.dataset.animation = root + figure.animation;
      else delete image.dataset.animation;
      image.width = width;
      image.height = height;
      image.alt = named(figure);
      image.style.aspectRatio = width + " / " + height;
      pane.classList.toggle("picture--zero-white", figure.zero_white);
      pane.classList.toggle("is-rescaled", Boolean(filter));
      pane.style.setProperty("--rescale", filter);
      link.href = root + figure.id + ".html";
      link.textContent = named(figure);
      legend(pane.querySelector(".scale"), figure, together && !own ? ends : figure.scale);
      copy = document.createElement("img");
      copy.src = image.src;
      copy.alt = "";
      copy.style.filter = filter;
      blend.append(copy);
    });
    viewer.querySelectorAll(".viewer__at bdi").forEach(function (name, number) { name.textContent = number ? "right" : "left"; });
    form.elements.own.disabled = !together;
    say(about(a, b, together, own, ends));
    shown.hidden = false;
    stage.dispatchEvent(new CustomEvent("iv-change"));
  }

  function named(figure) {
    var parts = figure.id.split("/"), titles = [index.images, index.models].map(function (known, number) {
      var key = parts[1 - number], one = known.filter(function (entry) { return entry[0] === key; })[0];
      return one ? one[1] : key;
    });
    return figure.title + ", " + titles.join(", ");
  }

  function span(scale) {
    return plain(scale[0]) + " to " + plain(scale[1]);
  }

  function legend(place, figure, scale) {
    place.hidden = !scale;
    if (!scale) return;
    place.firstElementChild.textContent = plain(scale[0]);
    place.lastElementChild.textContent = plain(scale[1]);
    place.querySelector("i").className = "scale__ramp scale__ramp--" + figure.ramp;
  }

  /* The filter that shows a picture on a scale wider than its own; "" where that is its own. */
  function toScale(side, figure, ends) {
    var low = figure.scale[0], high = figure.scale[1], signed = low < 0, wide = ends[1] - ends[0], colours = palettes[signed ? "signed" : "unsigned"];
    if (low === ends[0] && high === ends[1] || !wide) return "";
    if (figure.kind === "palette") window.innerview.filters.recolour("scale-" + side, colours, colours[0], high / ends[1]);
    else window.innerview.filters.linear("scale-" + side, (high - low) / wide, (low - ends[0]) / wide);
    return 'url("#scale-' + side + '")';
  }

  /* What may be read off the two, and what not. */
  function about(a, b, together, own, ends) {
    var words = "", same = a.scale && b.scale && span(a.scale) === span(b.scale) && a.scale[1] === b.scale[1];
    if (together && same) words = "Both share one scale, " + span(ends) + ": equal shades are equal values.";
    else if (together && !own) words = "Both are shown on one scale, " + span(ends) + ": equal shades are equal values. Values beyond the scale of a file are clipped.";
    else if (together) words = "Separate scales, " + span(a.scale) + " and " + span(b.scale) + ": equal shades are not equal values.";
    else if (a.draw !== b.draw) words = "The figures use different colour maps: compare positions, not shades.";
    else if (same) words = "Both share one scale, " + span(a.scale) + ", over the photo.";
    else if (a.scale && b.scale) words = "Separate scales, " + span(a.scale) + " and " + span(b.scale) + ", over the photo: equal shades are not equal values.";
    if (Math.abs(a.width / a.height - b.width / b.height) > 0.02) words += " Aspect ratios differ: the right figure is scaled to the frame of the left one.";
    return words.trim();
  }

  /* --- the address --- */

  function remember() {
    address.set({ a: ids.a, b: ids.b, own: form.elements.own.checked }, fromAddress);
  }

  function fromAddress() {
    var words = new URLSearchParams(location.search), first = index.models[0] && index.models[0][0];
    if (!first || !reportsOf(first).length) return say("This gallery has no figures to compare.");
    form.elements.own.checked = Boolean(address.get("own") || words.has("own"));
    ids.a = address.get("a") || words.get("a") || "";
    ids.b = address.get("b") || words.get("b") || "";
    var given = Boolean(ids.a);
    if (!ids.a) ids.a = first + "/" + reportsOf(first)[Math.min(1, reportsOf(first).length - 1)][0] + "/grad-cam";
    if (!exists(reportOf(ids.a)) || ids.b && !exists(reportOf(ids.b))) return say("This gallery has no figure " + (exists(reportOf(ids.a)) ? ids.b : ids.a) + ".");
    load(reportOf(ids.a), function (figures) {
      if (!given) ids.a = like(ids.a, figures).id;
      if (!find(figures, ids.a)) return say("This gallery has no figure " + ids.a + ".");
      if (!ids.b) ids.b = another(ids.a, figures);
      draw();
    });
  }

  sides.forEach(function (side) {
    control(side, "model").addEventListener("change", function () { chosen(side, control(side, "model").value + "/" + control(side, "image").value); });
    control(side, "image").addEventListener("change", function () { chosen(side, control(side, "model").value + "/" + control(side, "image").value); });
    control(side, "figure").addEventListener("change", function () {
      ids[side] = control(side, "figure").value;
      remember();
      draw();
    });
  });
  form.elements.exchange.addEventListener("click", function () {
    ids = { a: ids.b, b: ids.a };
    remember();
    draw();
  });
  form.elements.own.addEventListener("change", function () {
    remember();
    draw();
  });
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  form.hidden = false;
  page.querySelector("[data-without-scripts]").hidden = true;
  address.keep(["a", "b"], fromAddress, ["own"]);
  fromAddress();
})();
