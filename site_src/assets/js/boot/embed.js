/* A figure's page inside a frame: the picture alone with one line under it, as large as the frame allows; with #c17 in
   the address, that one channel of a sprite. The page around it is told what height would fit, and may ignore it. */
(function () {
  "use strict";
  if (window.parent === window) return;

  var sprite = window.innerview.sprite, address = window.innerview.address;
  var root = document.documentElement, body = document.body, told = 0, cells = null;
  var shown = body.dataset.shown.split(" ").map(Number);
  root.classList.add("embedded");

  /* Width and height of what is to be seen, where there is room for all of it. */
  function natural() {
    if (!cells) return shown;
    var tile = Math.max(cells.width, cells.height), scale = tile === 1 ? 96 : Math.max(1, Math.floor(448 / tile));
    return [cells.width * scale, cells.height * scale];
  }

  /* Height of all that stands under the picture. It wraps, so it depends on the width, but never on the height. */
  function words() {
    var sum = 0;
    document.querySelectorAll(".standalone__line, .browser__title, .browser dl").forEach(function (line) {
      sum += line.getBoundingClientRect().height;
    });
    return Math.ceil(sum);
  }

  /* The longer side of a channel grows by whole pixels of its own, so that each stays a square. */
  function whole(side) {
    var tile = cells ? Math.max(cells.width, cells.height) : 0;
    return tile ? Math.max(tile, Math.floor(side / tile) * tile) : side;
  }

  function fit() {
    var size = natural(), below = words(), ratio = size[0] / size[1], width = Math.min(root.clientWidth, size[0]);
    var room = Math.max(48, window.innerHeight - below), fitting = Math.min(width, room * ratio);
    var height = Math.ceil(whole(width / Math.min(1, ratio)) / Math.max(1, ratio) + below);
    var side = whole(fitting / Math.min(1, ratio));
    root.style.setProperty("--fitting", fitting + "px");
    if (cells && root.style.getPropertyValue("--side") !== String(side)) {
      root.style.setProperty("--side", side);
      window.dispatchEvent(new Event("resize")); // the channel browser draws again
    }
    if (height !== told) {
      told = height;
      window.parent.postMessage({ type: "innerview:height", height: height, figure: body.dataset.figure }, "*");
    }
  }

  function fromAddress() {
    var stage = document.querySelector("iv-channels"), channel = address.get("c");
    cells = stage && channel ? sprite.grid(stage.dataset.cells) : null;
    if (cells && sprite.placeOf(cells, Number(channel)) < 0) cells = null; // the sprite may show some channels alone
    root.classList.toggle("embedded--channel", Boolean(cells));
    document.querySelectorAll(".standalone__line a").forEach(function (link) { link.hash = cells || address.get("colours") || address.get("clip") ? address.hash() : ""; });
    fit();
  }

  document.addEventListener("DOMContentLoaded", function () {
    fromAddress();
    new ResizeObserver(fit).observe(body);
  });
  address.keep(["c", "colours", "clip"], fromAddress);
  window.addEventListener("resize", fit);
})();
