/* One channel of a layer in every image, side by side: the slider, the arrow keys or a click on any sprite choose it, and
   the address remembers (#c17, #c17&strongest, #c17&own). Without this script the sprites stand below each other. */
(function () {
  "use strict";
  var section = document.querySelector("[data-layer]");
  if (!section || !section.dataset.layer) return;
  var numbers = window.innerviewLayer || {}, names = window.innerviewNames || [], unit = section.dataset.unit, count = Number(section.dataset.channels);
  var g = grid(section.dataset.layer), side = g.width * g.height === 1 ? 64 : 104;
  var images = Array.prototype.slice.call(section.querySelectorAll("[data-image]")), state = { c: 0, strongest: false, own: false };

  function grid(words) {
    var n = words.split(" ").map(Number);
    return { channels: n[0], columns: n[1], rows: n[2], width: n[3], height: n[4], gap: n[5] };
  }

  function element(name, className, text) {
    var made = document.createElement(name);
    made.className = className;
    if (text) made.textContent = text;
    return made;
  }

  function plain(value) {
    return Number(value) === 0 ? "0" : Number(value).toPrecision(3).replace("-", "−");
  }

  /* Channel c of a sprite as the background of `box`. The sprite's size follows from its grid: it need not be loaded.
     The address may be that of its upper left corner alone, of `reach` pixels a side. */
  function cut(box, cells, address, c, reach) {
    var scale = side / Math.max(cells.width, cells.height), at = place(cells, c);
    var width = cells.columns * (cells.width + cells.gap) - cells.gap, height = cells.rows * (cells.height + cells.gap) - cells.gap;
    box.style.width = cells.width * scale + "px";
    box.style.height = cells.height * scale + "px";
    box.style.backgroundImage = 'url("' + address + '")';
    box.style.backgroundSize = Math.min(width, reach || width) * scale + "px " + Math.min(height, reach || height) * scale + "px";
    box.style.backgroundPosition = -at.x * scale + "px " + -at.y * scale + "px";
  }

  function place(cells, c) {
    return {
      x: c % cells.columns * (cells.width + cells.gap), y: Math.floor(c / cells.columns) * (cells.height + cells.gap)
    };
  }

  /* What a sprite's first channels can be cut from before the whole of it is there. */
  function fromCorner(article, image, c) {
    var at = place(g, c), reach = 112;
    return article.dataset.corner && !(image.complete && image.naturalWidth) && at.x + g.width <= reach && at.y + g.height <= reach;
  }

  /* --- the panel --- */

  var panel = element("div", "channels"), bar = element("div", "channels__bar"), row = element("ol", "channels__row");
  var name = element("label", "channels__name"), slider = element("input", ""), told = element("p", "channels__told");
  slider.type = "range";
  slider.min = 0;
  slider.max = count - 1;
  slider.id = "channel";
  name.htmlFor = "channel";
  row.setAttribute("aria-label", "The " + unit + " in every image");
  row.tabIndex = 0;
  var strongest = check("Strongest first", "strongest"), own = check("Separate scales", "own");
  bar.append(name, slider, strongest.parentNode, own.parentNode);
  panel.append(bar, row, told);

  function check(words, key) {
    var label = element("label", "channels__check"), box = element("input", "");
    box.type = "checkbox";
    label.append(box, words);
    box.addEventListener("change", function () {
      state[key] = box.checked;
      keep();
    });
    return box;
  }

  /* The frame stands outside of what filters recolour. */
  function framed(box) {
    var frame = element("span", "channels__frame");
    frame.append(box);
    return frame;
  }

  var kernels = document.querySelector("[data-kernels]"), kernel;
  if (kernels) {
    kernel = { cells: grid(kernels.dataset.kernels), box: element("span", "channels__cut"), item: element("li", "channels__kernel") };
    kernel.item.append(framed(kernel.box), element("b", "", "kernel"));
    row.append(kernel.item);
  }
  var tiles = images.map(function (article) {
    var item = element("li", article.classList.contains("rescaled") ? "rescaled" : "");
    var box = element("span", "channels__cut" + (article.querySelector(".picture--paper") ? " channels__cut--paper" : ""));
    item.style.cssText = article.style.cssText;
    item.append(framed(box), element("b", "", article.querySelector("h3 a").textContent), element("span", "channels__numbers"));
    row.append(item);
    var outline = element("span", "loupe__mark");
    article.querySelector(".picture").append(outline);
    return { item: item, box: box, said: item.lastChild, article: article, outline: outline, values: numbers[article.dataset.image] };
  });

  function largest(tile, c) {
    return tile.values ? tile.values.max[c] : -Infinity;
  }

  function show(c) {
    name.textContent = unit.charAt(0).toUpperCase() + unit.slice(1) + " " + c + " of " + count + (names[c] ? ", " + names[c] : "");
    slider.value = c;
    tiles.forEach(function (tile) {
      var image = tile.article.querySelector(".picture img");
      if (fromCorner(tile.article, image, c)) cut(tile.box, g, tile.article.dataset.corner, c, 112);
      else cut(tile.box, g, image.getAttribute("src"), c);
      tile.said.textContent = tile.values ? said(tile.values, c) : "";
      mark(tile.outline, image, c);
    });
    if (kernel) cut(kernel.box, kernel.cells, kernels.querySelector("img").getAttribute("src"), c);
    var order = tiles.slice();
    if (state.strongest) order.sort(function (a, b) { return largest(b, c) - largest(a, c); });
    order.forEach(function (tile) { row.append(tile.item); });
    var best = tiles.slice().sort(function (a, b) { return largest(b, c) - largest(a, c); })[0];
    slider.setAttribute("aria-valuetext", name.textContent + (best && best.values ? ", strongest in " +
      best.item.querySelector("b").textContent + " with " + plain(best.values.max[c]) : ""));
  }

  function said(values, c) {
    if (unit === "value") return plain(values.max[c]);
    var words = "largest " + plain(values.max[c]) + "\nmean " + plain(values.mean[c]);
    return words + (values.zeros[c] ? "\nzeros " + values.zeros[c] / 10 + " %" : "");
  }

  function mark(outline, image, c) {
    var scale = image.clientWidth / (g.columns * (g.width + g.gap) - g.gap);
    outline.style.left = image.offsetLeft + (c % g.columns) * (g.width + g.gap) * scale + "px";
    outline.style.top = image.offsetTop + Math.floor(c / g.columns) * (g.height + g.gap) * scale + "px";
    outline.style.width = g.width * scale + "px";
    outline.style.height = g.height * scale + "px";
  }

  /* --- which channels are worth a look --- */

  function summary() {
    var known = tiles.filter(function (tile) { return tile.values; });
    if (known.length < tiles.length || !known.length) return;
    var most = [], silent = [];
    for (var c = 0; c < count; c++) {
      var tops = known.map(function (tile) { return tile.values.max[c]; });
      var idle = known.every(function (tile) { return tile.values.zeros[c] === 1000; });
      if (idle) silent.push(c);
      most.push({ c: c, top: Math.max.apply(null, tops) });
    }
    most.sort(function (a, b) { return b.top - a.top; });
    told.append("Largest: ");
    offer(most.slice(0, 6).map(function (one) { return one.c; }));
    if (silent.length) {
      told.append(" Zero in every image: " + silent.length + " of " + count + ", for example ");
      offer(silent.slice(0, 6));
    } else if (unit === "channel") told.append(" No channel is zero in every image.");
  }

  function offer(list) {
    list.forEach(function (c) {
      var button = element("button", "", String(c));
      button.type = "button";
      button.setAttribute("aria-label", unit + " " + c);
      button.addEventListener("click", function () { pin(c); });
      told.append(button, " ");
    });
  }

  /* --- choosing, and the address --- */

  function pin(c) {
    state.c = Math.min(count - 1, Math.max(0, c));
    keep();
  }

  function keep() {
    apply();
    history.replaceState(history.state, "", "#c" + state.c + (state.strongest ? "&strongest" : "") + (state.own ? "&own" : ""));
  }

  function apply() {
    strongest.checked = state.strongest;
    own.checked = state.own;
    section.classList.toggle("layer--own", state.own);
    show(state.c);
  }

  function fromAddress() {
    var words = location.hash.slice(1).split("&"), found = /^c(\d+)$/.exec(words[0]);
    if (location.hash && !found && name.textContent) return;
    state = {
      c: found && Number(found[1]) < count ? Number(found[1]) : 0,
      strongest: words.indexOf("strongest") > 0, own: words.indexOf("own") > 0
    };
    apply();
  }

  function at(image, event) {
    var box = image.getBoundingClientRect(), scale = box.width / (g.columns * (g.width + g.gap) - g.gap);
    var column = Math.floor((event.clientX - box.left) / scale / (g.width + g.gap));
    var line = Math.floor((event.clientY - box.top) / scale / (g.height + g.gap)), c = line * g.columns + column;
    return column >= 0 && column < g.columns && line >= 0 && c < count ? c : -1;
  }

  slider.addEventListener("input", function () { pin(Number(slider.value)); });
  slider.addEventListener("keydown", function (event) {
    var step = { ArrowUp: -g.columns, ArrowDown: g.columns }[event.key];
    if (!step) return;
    event.preventDefault();
    if (state.c + step >= 0 && state.c + step < count) pin(state.c + step);
  });
  images.forEach(function (article) {
    var picture = article.querySelector(".picture"), image = picture.querySelector("img");
    picture.addEventListener("mousemove", function (event) {
      var c = at(image, event);
      if (c >= 0) show(c);
    });
    picture.addEventListener("mouseleave", function () { show(state.c); });
    picture.addEventListener("click", function (event) {
      var c = at(image, event);
      if (c < 0 || event.button || event.metaKey || event.ctrlKey || event.shiftKey || !event.detail) return;
      event.preventDefault();
      event.stopPropagation(); // or the page of the picture would open
      pin(c);
    });
    image.addEventListener("load", function () { show(state.c); });
  });
  /* Sprites are fetched as they come near; layers.css keeps their place. */
  var near = new IntersectionObserver(function (seen) {
    seen.forEach(function (one) {
      if (!one.isIntersecting) return;
      one.target.classList.add("is-near");
      near.unobserve(one.target);
    });
  }, { rootMargin: "200px 0px" });
  images.forEach(function (article) { near.observe(article.querySelector(".layer__sprite")); });
  section.querySelector(".section__head").after(panel);
  summary();
  fromAddress();
  window.addEventListener("hashchange", fromAddress);
  window.addEventListener("resize", function () { show(state.c); });
})();
