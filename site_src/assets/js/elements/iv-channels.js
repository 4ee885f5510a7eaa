/* The channels of a sprite one by one: a loupe while hovering in a report, and on a figure's page a browser that
   arrow keys drive and the address remembers (#c17). Without this script a sprite is a plain picture. */
(function () {
  "use strict";
  var element = window.innerview.element, plain = window.innerview.number, address = window.innerview.address, sprite = window.innerview.sprite;

  /* The sprite of an image, whose file may have an edge around the tiles. */
  function gridOf(words, image) {
    var g = sprite.grid(words);
    g.edge = image.naturalWidth ? (image.naturalWidth - sprite.sizeOf(g).width) / 2 : 0;
    return g;
  }

  function channelAt(g, image, event) {
    return sprite.placeAt(g, image.getBoundingClientRect(), event.clientX, event.clientY);
  }

  function source(image) {
    return image.currentSrc || image.src;
  }

  /* --- in a report: a loupe that follows the mouse --- */

  var loupe, shown, number, frame;

  function hideLoupe() {
    if (loupe) { loupe.remove(); frame.remove(); }
  }

  document.addEventListener("mousemove", function (event) {
    var picture = event.target.closest && event.target.closest("a[data-cells]");
    if (!picture) return hideLoupe();
    var image = picture.querySelector("img"), g = gridOf(picture.dataset.cells, image), c = channelAt(g, image, event);
    if (c < 0 || !image.naturalWidth) return hideLoupe();
    if (!loupe) {
      loupe = element("span", "magnifier");
      loupe.setAttribute("aria-hidden", "true");
      shown = element("span", "magnifier__channel");
      number = element("span", "");
      loupe.append(shown, number);
      frame = element("span", "magnifier__mark");
    }
    picture.append(frame, loupe);
    sprite.outline(frame, g, image, c);
    sprite.cut(shown, g, source(image), c, g.width * g.height === 1 ? 48 : 176);
    number.textContent = (g.width * g.height === 1 ? "value " : "channel ") + sprite.channelOf(g, c) +
      (g.shown.length ? "" : " (0 to " + (g.channels - 1) + ")");
    var box = picture.getBoundingClientRect(), left = event.clientX - box.left + 18, top = event.clientY - box.top + 18;
    var width = loupe.offsetWidth, height = loupe.offsetHeight;
    if (event.clientX + 30 + width > document.documentElement.clientWidth) left -= width + 36;
    if (event.clientY + 30 + height > window.innerHeight) top -= height + 36;
    loupe.style.left = left + "px";
    loupe.style.top = top + "px";
  });

  document.addEventListener("click", function (event) {
    var picture = event.target.closest("a[data-cells]");
    if (!picture || event.button || event.metaKey || event.ctrlKey || event.shiftKey || !event.detail) return;
    var image = picture.querySelector("img"), g = gridOf(picture.dataset.cells, image), c = channelAt(g, image, event);
    if (c < 0) return;
    event.preventDefault();
    location.href = picture.href.split("#")[0] + "#c" + sprite.channelOf(g, c);
  });

  /* --- on a figure's page: the browser --- */

  var stage = document.querySelector("[data-browser]");
  if (!stage) return;
  var mount = stage.querySelector(".stage__canvas"), image = mount.querySelector("img"), g = gridOf(stage.dataset.browser, image);
  var data = document.getElementById("channels");
  var numbers = data ? JSON.parse(data.textContent) : {};
  var single = g.width * g.height === 1 ? "Value " : "Channel ";
  var panel = element("div", "browser"), large = element("span", "browser__large");
  var name = element("p", "browser__title"), list = element("dl", ""), help = element("p", "browser__help");
  var outline = element("span", "magnifier__mark"), pinned = 0;
  help.textContent = "Hover or use the arrow keys. Click to pin a channel; the URL updates.";
  var framed = element("span", "browser__frame"); // what filters recolour is inside
  framed.append(large);
  var words = element("div", "browser__words");
  words.append(name, list, help);
  panel.append(framed, words);
  stage.append(panel);
  mount.append(outline);
  outline.tabIndex = 0; // the outline is the slider, so that the picture keeps its own words
  outline.setAttribute("role", "slider");
  outline.setAttribute("aria-label", single.trim());
  outline.setAttribute("aria-valuemin", 0);
  outline.setAttribute("aria-valuemax", g.channels - 1);

  function show(c) {
    sprite.cut(large, g, source(image), c, Number(getComputedStyle(large).getPropertyValue("--side")) || 208); // embed.js
    sprite.outline(outline, g, image, c);
    name.textContent = single + sprite.channelOf(g, c);
    list.textContent = "";
    var said = [name.textContent];
    [["max", "largest"], ["mean", "mean"], ["zeros", "zeros"]].forEach(function (kind) {
      if (!numbers[kind[0]]) return;
      var value = numbers[kind[0]][c], words = kind[0] === "zeros" ? (value * 100).toFixed(1) + " %" : plain(value);
      var term = element("dt", ""), detail = element("dd", "");
      term.textContent = kind[1];
      detail.textContent = words;
      list.append(term, detail);
      said.push(kind[1] + " " + words);
    });
    outline.setAttribute("aria-valuenow", c);
    outline.setAttribute("aria-valuetext", said.join(", "));
  }

  function pin(c) {
    if (c < 0 || c >= g.channels) return;
    pinned = c;
    show(c);
    address.set({ c: sprite.channelOf(g, c) }, fromAddress);
  }

  function fromAddress() {
    pinned = Math.max(0, address.get("c") ? sprite.placeOf(g, Number(address.get("c"))) : 0);
    show(pinned);
  }

  function start() {
    g = gridOf(stage.dataset.browser, image);
    address.keep(["c"], fromAddress);
    fromAddress();
    window.addEventListener("resize", function () { show(pinned); });
    mount.addEventListener("mousemove", function (event) {
      var c = channelAt(g, image, event);
      if (c >= 0) show(c);
    });
    mount.addEventListener("mouseleave", function () { show(pinned); });
    window.innerview.keys.list("Channels, while the frame on the sprite has the keyboard", [
      ["← → ↑ ↓", "Neighbouring channel"], ["Home, End", "First or last channel"]
    ]);
    mount.addEventListener("click", function (event) { pin(channelAt(g, image, event)); });
    outline.addEventListener("keydown", function (event) {
      var to = {
        ArrowLeft: pinned - 1, ArrowRight: pinned + 1, ArrowUp: pinned - g.columns, ArrowDown: pinned + g.columns,
        Home: 0, End: g.channels - 1
      }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      pin(to);
    });
  }

  if (image.complete && image.naturalWidth) start();
  else image.addEventListener("load", start);
})();
