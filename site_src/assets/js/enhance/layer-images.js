/* One channel of a layer in every image, side by side: the slider, the arrow keys or a click on any sprite choose it, and
   the address remembers (#c17, #c17&strongest, #c17&own). Without this script the sprites stand below each other. */
(function () {
  "use strict";
  var element = window.innerview.element, plain = window.innerview.number, address = window.innerview.address, sprite = window.innerview.sprite;
  var section = document.querySelector("[data-layer]");
  if (!section || !section.dataset.layer) return;
  var numbers = window.innerview.data.layer || {}, names = window.innerview.data.names || [], unit = section.dataset.unit, count = Number(section.dataset.channels);
  var g = sprite.grid(section.dataset.layer), side = g.width * g.height === 1 ? 64 : 104;
  var images = Array.prototype.slice.call(section.querySelectorAll("[data-image]")), state = { c: 0, strongest: false, own: false };

  /* What a sprite's first channels can be cut from before the whole of it is there. */
  function fromCorner(article, image, c) {
    var at = sprite.corner(g, c), reach = 112;
    return article.dataset.corner && !(image.complete && image.naturalWidth) && at.x + g.width <= reach && at.y + g.height <= reach;
  }

  /* --- the panel --- */

  var panel = element("div", "channels"), bar = element("div", "channels__bar"), row = element("ol", "channels__row");
  var name = element("label", "channels__name"), slider = element("input", ""), told = element("p", "channels__status");
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
    kernel = { cells: sprite.grid(kernels.dataset.kernels), box: element("span", "channels__cut"), item: element("li", "channels__kernel") };
    kernel.item.append(framed(kernel.box), element("b", "", "kernel"));
    row.append(kernel.item);
  }
  var tiles = images.map(function (article) {
    var item = element("li", article.classList.contains("rescaled") ? "rescaled" : "");
    var box = element("span", "channels__cut" + (article.querySelector(".picture--zero-white") ? " channels__cut--zero-white" : ""));
    item.style.cssText = article.style.cssText;
    item.append(framed(box), element("b", "", article.querySelector("h3 a").textContent), element("span", "channels__numbers"));
    row.append(item);
    var outline = element("span", "magnifier__mark");
    article.querySelector(".picture").append(outline);
    return { item: item, box: box, said: item.lastChild, article: article, outline: outline, values: numbers[article.dataset.image] };
  });

  function largest(tile, c) {
    return tile.values ? tile.values.max[c] : -Infinity;
  }

  function show(c) {
    name.textContent = unit.charAt(0).toUpperCase() + unit.slice(1) + " " + c + " (0 to " + (count - 1) + ")" + (names[c] ? ", " + names[c] : "");
    slider.value = c;
    tiles.forEach(function (tile) {
      var image = tile.article.querySelector(".picture img");
      if (fromCorner(tile.article, image, c)) sprite.cut(tile.box, g, tile.article.dataset.corner, c, side, 112);
      else sprite.cut(tile.box, g, image.getAttribute("src"), c, side);
      tile.said.textContent = tile.values ? said(tile.values, c) : "";
      sprite.outline(tile.outline, g, image, c);
    });
    if (kernel) sprite.cut(kernel.box, kernel.cells, kernels.querySelector("img").getAttribute("src"), c, side);
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
    return words + (values.zeros[c] ? "\nzeros " + values.zeros[c] / 10 + "\u00a0%" : "");
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
      var button = element("button", "button button--word", String(c));
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
    address.set({ c: state.c, strongest: state.strongest, own: state.own }, fromAddress);
  }

  function apply() {
    strongest.checked = state.strongest;
    own.checked = state.own;
    section.classList.toggle("layer--own", state.own);
    show(state.c);
  }

  function fromAddress() {
    var c = Number(address.get("c") || 0);
    state = { c: c < count ? c : 0, strongest: Boolean(address.get("strongest")), own: Boolean(address.get("own")) };
    apply();
  }

  function at(image, event) {
    return sprite.placeAt(g, image.getBoundingClientRect(), event.clientX, event.clientY);
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
  window.innerview.keys.list("Channels, while the slider has the keyboard", [
    ["← →", "Previous or next channel"], ["↑ ↓", "Channel above or below in the sprites"], ["Home, End", "First or last channel"]
  ]);
  address.keep(["c"], fromAddress, ["strongest", "own"]);
  fromAddress();
  window.addEventListener("resize", function () { show(state.c); });
})();
