/* The channels of a sprite one by one, on a figure's page: arrow keys go from one to the next, and the address remembers
   (#c17). `data-cells` says how the tiles lie, the JSON `channels` what is known of each. Without this script a sprite is a
   plain picture. */
(function () {
  "use strict";
  var element = window.innerview.element, plain = window.innerview.number, address = window.innerview.address;
  var keys = window.innerview.keys, sprite = window.innerview.sprite, changed = window.innerview.changed;

  window.innerview.define("iv-channels", function (host, signal) {
    var canvas = host.querySelector(".stage__canvas"), image = canvas.querySelector("img"), g = sprite.gridOf(host.dataset.cells, image);
    var data = document.getElementById("channels");
    var numbers = data ? JSON.parse(data.textContent) : {};
    var single = g.width * g.height === 1 ? "Value " : "Channel ";
    var panel = host.panel || element("div", "browser"), large = element("span", "browser__large");
    var name = element("p", "browser__title"), list = element("dl", ""), help = element("p", "browser__help");
    var outline = element("span", "magnifier__mark"), pinned = 0;
    help.textContent = "Hover or use the arrow keys. Click to pin a channel; the URL updates.";
    var frame = element("span", "browser__frame"); // what filters recolour is inside
    frame.append(large);
    var words = element("div", "browser__words");
    words.append(name, list, help);
    if (host.panel) panel.querySelectorAll(".browser__frame, .browser__words").forEach(function (part) { part.remove(); });
    panel.prepend(frame, words); // the colours stand after them
    host.panel = panel;
    host.append(panel);
    canvas.append(outline);
    outline.tabIndex = 0; // the outline is the slider, so that the picture keeps its own words
    outline.setAttribute("role", "slider");
    outline.setAttribute("aria-label", single.trim());
    outline.setAttribute("aria-valuemin", 0);
    outline.setAttribute("aria-valuemax", g.channels - 1);

    function show(c) {
      sprite.cut(large, g, image.currentSrc || image.src, c, Number(getComputedStyle(large).getPropertyValue("--side")) || 208); // embed.js
      sprite.outline(outline, g, image, c);
      name.textContent = single + sprite.channelOf(g, c);
      list.textContent = "";
      var label = [name.textContent];
      [["max", "largest"], ["mean", "mean"], ["zeros", "zeros"]].forEach(function (kind) {
        if (!numbers[kind[0]]) return;
        var value = numbers[kind[0]][c], words = kind[0] === "zeros" ? (value * 100).toFixed(1) + "\u00a0%" : plain(value);
        var term = element("dt", ""), detail = element("dd", "");
        term.textContent = kind[1];
        detail.textContent = words;
        list.append(term, detail);
        label.push(kind[1] + " " + words);
      });
      outline.setAttribute("aria-valuenow", c);
      outline.setAttribute("aria-valuetext", label.join(", "));
    }

    function pin(c) {
      if (c < 0 || c >= g.channels) return;
      pinned = c;
      show(c);
      address.set({ c: sprite.channelOf(g, c) }, fromAddress);
      changed(host, { channel: sprite.channelOf(g, c) });
    }

    function fromAddress() {
      pinned = Math.max(0, address.get("c") ? sprite.placeOf(g, Number(address.get("c"))) : 0);
      show(pinned);
    }

    function start() {
      g = sprite.gridOf(host.dataset.cells, image);
      signal.addEventListener("abort", address.keep(["c"], fromAddress));
      fromAddress();
      window.addEventListener("resize", function () { show(pinned); }, { signal: signal });
      canvas.addEventListener("mousemove", function (event) {
        var c = sprite.channelAt(g, image, event);
        if (c >= 0) show(c);
      }, { signal: signal });
      canvas.addEventListener("mouseleave", function () { show(pinned); }, { signal: signal });
      signal.addEventListener("abort", keys.list("Channels, while the frame on the sprite has the keyboard", [
        ["← → ↑ ↓", "Neighbouring channel"], ["Home, End", "First or last channel"]
      ]));
      canvas.addEventListener("click", function (event) { pin(sprite.channelAt(g, image, event)); }, { signal: signal });
      outline.addEventListener("keydown", function (event) {
        var to = {
          ArrowLeft: pinned - 1, ArrowRight: pinned + 1, ArrowUp: pinned - g.columns, ArrowDown: pinned + g.columns,
          Home: 0, End: g.channels - 1
        }[event.key];
        if (to === undefined) return;
        event.preventDefault();
        pin(to);
      }, { signal: signal });
    }

    signal.addEventListener("abort", function () {
      panel.remove();
      outline.remove();
    });

    if (image.complete && image.naturalWidth) start();
    else image.addEventListener("load", start, { once: true, signal: signal });
  });
})();
