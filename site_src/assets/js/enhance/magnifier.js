/* In a report, one channel of a sprite large, beside the mouse; a click leads to that channel on the figure's page. */
(function () {
  "use strict";
  var element = window.innerview.element, sprite = window.innerview.sprite;

  var magnifier, shown, number, frame;

  function hide() {
    if (magnifier) { magnifier.remove(); frame.remove(); }
  }

  document.addEventListener("mousemove", function (event) {
    var picture = event.target.closest && event.target.closest("a[data-cells]");
    if (!picture) return hide();
    var image = picture.querySelector("img"), g = sprite.gridOf(picture.dataset.cells, image), c = sprite.channelAt(g, image, event);
    if (c < 0 || !image.naturalWidth) return hide();
    if (!magnifier) {
      magnifier = element("span", "magnifier");
      magnifier.setAttribute("aria-hidden", "true");
      shown = element("span", "magnifier__channel");
      number = element("span", "");
      magnifier.append(shown, number);
      frame = element("span", "magnifier__mark");
    }
    picture.append(frame, magnifier);
    sprite.outline(frame, g, image, c);
    sprite.cut(shown, g, image.currentSrc || image.src, c, g.width * g.height === 1 ? 48 : 176);
    number.textContent = (g.width * g.height === 1 ? "value " : "channel ") + sprite.channelOf(g, c) +
      (g.shown.length ? "" : " (0 to " + (g.channels - 1) + ")");
    var box = picture.getBoundingClientRect(), left = event.clientX - box.left + 18, top = event.clientY - box.top + 18;
    var width = magnifier.offsetWidth, height = magnifier.offsetHeight;
    if (event.clientX + 30 + width > document.documentElement.clientWidth) left -= width + 36;
    if (event.clientY + 30 + height > window.innerHeight) top -= height + 36;
    magnifier.style.left = left + "px";
    magnifier.style.top = top + "px";
  });

  document.addEventListener("click", function (event) {
    var picture = event.target.closest("a[data-cells]");
    if (!picture || event.button || event.metaKey || event.ctrlKey || event.shiftKey || !event.detail) return;
    var image = picture.querySelector("img"), g = sprite.gridOf(picture.dataset.cells, image), c = sprite.channelAt(g, image, event);
    if (c < 0) return;
    event.preventDefault();
    location.href = picture.href.split("#")[0] + "#c" + sprite.channelOf(g, c);
  });
})();
