/* The channels of a sprite one by one: a loupe while hovering in a report, and on a figure's page a browser that
   arrow keys drive and the address remembers (#c17). Without this script a sprite is a plain picture. */
(function () {
  "use strict";

  function grid(words) {
    var n = words.split(" ").map(Number);
    return { channels: n[0], columns: n[1], rows: n[2], width: n[3], height: n[4], gap: n[5], shown: n.slice(6) };
  }

  /* What the tile at a place is called: its place, or the number of the channel that it shows. */
  function called(g, c) {
    return g.shown.length ? g.shown[c] : c;
  }

  function placeOf(g, number) {
    return g.shown.length ? g.shown.indexOf(number) : number < g.channels ? number : -1;
  }

  /* Where channel c lies in the sprite, in its own pixels. */
  function corner(g, image, c) {
    var edge = (image.naturalWidth - (g.columns * (g.width + g.gap) - g.gap)) / 2;
    return {
      x: edge + (c % g.columns) * (g.width + g.gap),
      y: edge + Math.floor(c / g.columns) * (g.height + g.gap)
    };
  }

  function channelAt(g, image, event) {
    var box = image.getBoundingClientRect(), first = corner(g, image, 0);
    var x = (event.clientX - box.left) * image.naturalWidth / box.width - first.x;
    var y = (event.clientY - box.top) * image.naturalHeight / box.height - first.y;
    var column = Math.floor(x / (g.width + g.gap)), row = Math.floor(y / (g.height + g.gap));
    if (column < 0 || column >= g.columns || row < 0) return -1;
    var c = row * g.columns + column;
    return c < g.channels ? c : -1;
  }

  /* Show one channel of the sprite, `size` screen pixels large, as the background of `box`. */
  function enlarge(box, g, image, c, size) {
    var scale = size / Math.max(g.width, g.height), at = corner(g, image, c);
    box.style.width = g.width * scale + "px";
    box.style.height = g.height * scale + "px";
    box.style.backgroundImage = 'url("' + (image.currentSrc || image.src) + '")';
    box.style.backgroundSize = image.naturalWidth * scale + "px " + image.naturalHeight * scale + "px";
    box.style.backgroundPosition = -at.x * scale + "px " + -at.y * scale + "px";
  }

  function mark(box, g, image, c) {
    var scale = image.clientWidth / image.naturalWidth, at = corner(g, image, c);
    box.style.left = image.offsetLeft + at.x * scale + "px";
    box.style.top = image.offsetTop + at.y * scale + "px";
    box.style.width = g.width * scale + "px";
    box.style.height = g.height * scale + "px";
  }

  function element(name, className) {
    var made = document.createElement(name);
    made.className = className;
    return made;
  }

  /* --- in a report: a loupe that follows the mouse --- */

  var loupe, shown, number, frame;

  function hideLoupe() {
    if (loupe) { loupe.remove(); frame.remove(); }
  }

  document.addEventListener("mousemove", function (event) {
    var picture = event.target.closest && event.target.closest("a[data-cells]");
    if (!picture) return hideLoupe();
    var image = picture.querySelector("img"), g = grid(picture.dataset.cells), c = channelAt(g, image, event);
    if (c < 0 || !image.naturalWidth) return hideLoupe();
    if (!loupe) {
      loupe = element("span", "loupe");
      loupe.setAttribute("aria-hidden", "true");
      shown = element("span", "loupe__channel");
      number = element("span", "");
      loupe.append(shown, number);
      frame = element("span", "loupe__mark");
    }
    picture.append(frame, loupe);
    mark(frame, g, image, c);
    enlarge(shown, g, image, c, g.width * g.height === 1 ? 48 : 176);
    number.textContent = (g.width * g.height === 1 ? "value " : "channel ") + called(g, c) +
      (g.shown.length ? "" : " of " + g.channels);
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
    var g = grid(picture.dataset.cells), c = channelAt(g, picture.querySelector("img"), event);
    if (c < 0) return;
    event.preventDefault();
    location.href = picture.href.split("#")[0] + "#c" + called(g, c);
  });

  /* --- on a figure's page: the browser --- */

  var stage = document.querySelector("[data-browser]");
  if (!stage) return;
  var g = grid(stage.dataset.browser), mount = stage.querySelector(".specimen__mount");
  var image = mount.querySelector("img"), data = document.getElementById("channels");
  var numbers = data ? JSON.parse(data.textContent) : {};
  var single = g.width * g.height === 1 ? "Value " : "Channel ";
  var panel = element("div", "browser"), large = element("span", "browser__large");
  var name = element("p", "browser__title"), list = element("dl", ""), help = element("p", "browser__help");
  var outline = element("span", "loupe__mark"), pinned = 0;
  help.textContent = "Hover or use the arrow keys. Click to pin a channel; the URL updates.";
  var framed = element("span", "browser__frame"); // what filters recolour is inside
  framed.append(large);
  var words = element("div", "browser__words");
  words.append(name, list, help);
  panel.append(framed, words);
  stage.append(panel);
  mount.append(outline);
  mount.tabIndex = 0;
  mount.setAttribute("role", "slider");
  mount.setAttribute("aria-label", single.trim());
  mount.setAttribute("aria-valuemin", 0);
  mount.setAttribute("aria-valuemax", g.channels - 1);

  function show(c) {
    enlarge(large, g, image, c, Number(getComputedStyle(large).getPropertyValue("--side")) || 208); // embed.js
    mark(outline, g, image, c);
    name.textContent = single + called(g, c);
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
    mount.setAttribute("aria-valuenow", c);
    mount.setAttribute("aria-valuetext", said.join(", "));
  }

  function plain(value) {
    return Number(value).toPrecision(3).replace("-", "−");
  }

  function pin(c) {
    if (c < 0 || c >= g.channels) return;
    pinned = c;
    show(c);
    var others = location.hash.slice(1).split("&").filter(function (word) { return word && !/^c\d+$/.test(word); });
    history.replaceState(history.state, "", "#" + ["c" + called(g, c)].concat(others).join("&"));
  }

  function fromAddress() {
    var match = /^#c(\d+)(&|$)/.exec(location.hash);
    pinned = match ? Math.max(0, placeOf(g, Number(match[1]))) : 0;
    show(pinned);
  }

  function start() {
    fromAddress();
    window.addEventListener("hashchange", fromAddress);
    window.addEventListener("resize", function () { show(pinned); });
    mount.addEventListener("mousemove", function (event) {
      var c = channelAt(g, image, event);
      if (c >= 0) show(c);
    });
    mount.addEventListener("mouseleave", function () { show(pinned); });
    mount.addEventListener("click", function (event) { pin(channelAt(g, image, event)); });
    mount.addEventListener("keydown", function (event) {
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
