/* The strongest channels of a sprite, large, as links to their places on the figure's page; nothing without scripts, for the
   whole sprite stands behind it, in a details that is closed then:

     <iv-strongest></iv-strongest>
     <details open> ... <a data-cells="64 16 4 32 32 1" data-strongest="17 3.2 4 2.9" href="activations--relu0.html"><img src="activations--relu0.png"></a></details>

   `data-strongest` are places of tiles and their largest values, in order; figure-facts.js lays them and `data-cells` there. Built when it comes near. */
(function () {
  "use strict";
  var element = window.innerview.element, plain = window.innerview.number, sprite = window.innerview.sprite;
  var GAP = 14; // pixels between two tiles: that of stage.css

  class Strongest extends HTMLElement {
    connectedCallback() {
      var strongest = this, whole = this.nextElementSibling, page = this.closest("[data-facts]"), near;
      this.picture = whole && whole.querySelector("a.picture");
      if (!this.picture || !page) return;
      this.ending = new AbortController();
      whole.open = false;
      near = new IntersectionObserver(function (seen) {
        if (!seen.some(function (entry) { return entry.isIntersecting; })) return;
        near.disconnect();
        window.innerview.need("report", page.dataset.facts, function () { strongest.build(); });
      }, { rootMargin: "300px 0px" });
      near.observe(this);
      this.ending.signal.addEventListener("abort", function () { near.disconnect(); });
    }

    disconnectedCallback() {
      if (!this.ending) return;
      this.ending.abort();
      this.replaceChildren();
    }

    build() {
      if (this.ending.signal.aborted || !this.picture.dataset.strongest) return;
      var strongest = this, words = this.picture.dataset.strongest.split(" "), list = element("ol", "strongest"), room;
      this.grid = sprite.grid(this.picture.dataset.cells);
      for (var n = 0; n + 1 < words.length; n += 2) list.append(this.tile(Number(words[n]), Number(words[n + 1])));
      this.replaceChildren(list);
      room = new ResizeObserver(function () { strongest.lay(list); });
      room.observe(this);
      this.ending.signal.addEventListener("abort", function () { room.disconnect(); });
    }

    tile(place, value) {
      var item = element("li"), link = element("a"), frame = element("span", "strongest__frame"), cut = element("span", "strongest__cut");
      var g = this.grid, channel = sprite.channelOf(g, place);
      link.href = this.picture.getAttribute("href") + "#c" + channel;
      cut.dataset.place = place;
      frame.append(cut);
      link.append(frame, element("b", "", (g.width * g.height === 1 ? "value " : "channel ") + channel), " ", element("span", "", "max " + plain(value)));
      item.append(link);
      return item;
    }

    /* Six in a row where there is room for them; a value grows by whole pixels, so that it stays a square. */
    lay(list) {
      var g = this.grid, source = this.picture.querySelector("img").getAttribute("src"), longer = Math.max(g.width, g.height);
      var columns = this.clientWidth >= 800 ? 6 : this.clientWidth >= 480 ? 4 : 3, room = (this.clientWidth - (columns - 1) * GAP) / columns;
      var side = room >= longer ? Math.floor(room / longer) * longer : room;
      if (!this.clientWidth) return;
      list.style.gridTemplateColumns = "repeat(" + columns + ", minmax(0, 1fr))";
      list.querySelectorAll(".strongest__cut").forEach(function (cut) { sprite.cut(cut, g, source, Number(cut.dataset.place), longer === 1 ? Math.min(side, 64) : side); });
    }
  }

  customElements.define("iv-strongest", Strongest);
})();
