/* What all scripts of a page share, as `innerview`: the address, the list of keys, numbers as Python prints them, where a
   channel lies in a sprite, what scripts beside a page bring, and how elements begin and end. Loaded before the others,
   but for scripts that bring data alone. */
(function () {
  "use strict";
  var GAP = 350, MOST = 50; // milliseconds between two changes of the address, and how many there may be at once
  var flags = {}, anchor = "", state = {}, listeners = [], timer = 0, left = MOST, counted = Date.now();

  /* --- the address: `#c17&own&view=slider`; each part has a key, a channel's is "c" --- */

  /* What an address says, by key; null for the anchor of a place on the page. */
  function parse(hash) {
    var found = {}, words = hash.replace(/^#/, "").split("&").filter(Boolean);
    var ours = words.every(function (word) {
      var channel = /^c(\d+)$/.exec(word), name = word.split("=")[0];
      if (channel) found.c = channel[1];
      else if (word.indexOf("=") > 0) found[decode(name)] = decode(word.slice(name.length + 1));
      else if (flags[word]) found[word] = true;
      else return false;
      return true;
    });
    return ours ? found : null;
  }

  function decode(words) {
    try {
      return decodeURIComponent(words.replace(/\+/g, " "));
    } catch (error) { // a lone percent sign means itself
      return words;
    }
  }

  /* The address of what is chosen; a slash stands in the names of figures, and reads better as it is. */
  function written(chosen) {
    var words = Object.keys(chosen).filter(function (key) { return chosen[key] || chosen[key] === 0; }).map(function (key) {
      if (key === "c") return "c" + chosen.c;
      return chosen[key] === true ? key : key + "=" + encodeURIComponent(chosen[key]).replace(/%2F/g, "/").replace(/%7E/g, "~");
    });
    return words.length ? "#" + words.sort(function (a, b) { return /^c\d+$/.test(b) - /^c\d+$/.test(a); }).join("&") : "";
  }

  /* Browsers allow some hundred changes of the address in half a minute; a slider that is drawn asks for more. */
  function write() {
    var now = Date.now();
    clearTimeout(timer);
    left = Math.min(MOST, left + Math.max(0, now - counted) / GAP);
    counted = now;
    timer = left < 1 ? setTimeout(write, GAP) : 0;
    if (timer) return;
    left -= 1;
    history.replaceState(history.state, "", written(state) || anchor || location.pathname + location.search);
  }

  function tell(changed, teller) {
    listeners.slice().forEach(function (listener) {
      if (listener.act !== teller && listener.keys.some(function (key) { return changed.indexOf(key) >= 0; })) listener.act();
    });
  }

  function read() {
    var found = parse(location.hash), changed;
    clearTimeout(timer); // what was to be written is older than what is there
    if (!found) {
      anchor = location.hash;
      return;
    }
    anchor = "";
    changed = Object.keys(Object.assign({}, state, found)).filter(function (key) { return state[key] !== found[key]; });
    state = found;
    tell(changed);
  }

  var address = {
    /* Say which keys a component keeps in the address (those in `bare` stand there without a value), and what it does
       when somebody else changes them. Returns what ends that. */
    keep: function (own, act, bare) {
      var listener = { keys: own.concat(bare || []), act: act };
      (bare || []).forEach(function (key) { flags[key] = true; });
      listeners.push(listener);
      state = Object.assign(parse(location.hash) || {}, timer ? state : {});
      return function () { listeners.splice(listeners.indexOf(listener), 1); };
    },
    get: function (key) { return state[key]; },
    /* Change some keys and leave those of others; `null` takes one out. Who keeps them hears of it, but `teller`. */
    set: function (values, teller) {
      var changed = Object.keys(values).filter(function (key) { return state[key] !== values[key] && (state[key] || values[key] !== null); });
      Object.keys(values).forEach(function (key) {
        if (values[key] === null || values[key] === false || values[key] === "") delete state[key];
        else state[key] = values[key] === true ? true : String(values[key]);
      });
      anchor = "";
      write();
      tell(changed, teller);
    },
    /* As it is, or soon will be where a change waits for its turn. */
    hash: function () { return written(state); },
    parse: parse,
    written: written
  };

  /* --- numbers, as generator/site/pages/format.py prints them --- */

  var RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

  function number(value) {
    if (value === null || value === undefined || !isFinite(value)) return value === null || value === undefined ? "none" : String(value);
    var size = Math.abs(value), parts;
    if (value === 0) return "0";
    if (size >= 1e-4 && size < 1e6) {
      parts = size >= 999.5 ? String(even(size)).replace(/\B(?=(\d{3})+$)/g, ",") : String(Number(size.toPrecision(3)));
      return (value < 0 ? "−" : "") + parts;
    }
    parts = size.toExponential(2).split("e");
    return (value < 0 ? "−" : "") + parts[0] + "·10" + String(Number(parts[1])).replace(/[-\d]/g, function (sign) { return RAISED[sign]; });
  }

  /* Rounded as Python rounds: halves to the even one. */
  function even(value) {
    var floor = Math.floor(value);
    return value - floor === 0.5 ? floor + floor % 2 : Math.round(value);
  }

  /* --- sprites: "channels columns rows width height gap", then the numbers of the channels shown, if not all are --- */

  function grid(words) {
    if (!words) return null;
    var n = words.split(" ").map(Number);
    return { channels: n[0], columns: n[1], rows: n[2], width: n[3], height: n[4], gap: n[5], shown: n.slice(6), edge: 0 };
  }

  /* The number of the channel that the tile at a place shows. */
  function channelOf(g, place) {
    return g.shown.length ? g.shown[place] : place;
  }

  /* Where the tile of a channel is; -1 where the sprite does not show it. */
  function placeOf(g, channel) {
    return g.shown.length ? g.shown.indexOf(channel) : channel >= 0 && channel < g.channels ? channel : -1;
  }

  /* Of the whole file, in its own pixels; `edge` of them lie around all tiles. */
  function sizeOf(g) {
    return { width: g.columns * (g.width + g.gap) - g.gap + 2 * g.edge, height: g.rows * (g.height + g.gap) - g.gap + 2 * g.edge };
  }

  function corner(g, place) {
    return { x: g.edge + place % g.columns * (g.width + g.gap), y: g.edge + Math.floor(place / g.columns) * (g.height + g.gap) };
  }

  /* The place of the tile at a point of the window, where the file is shown in `box`; -1 beside the tiles. */
  function placeAt(g, box, x, y) {
    var scale = box.width / sizeOf(g).width;
    var column = Math.floor(((x - box.left) / scale - g.edge) / (g.width + g.gap));
    var row = Math.floor(((y - box.top) / scale - g.edge) / (g.height + g.gap)), place = row * g.columns + column;
    return column >= 0 && column < g.columns && row >= 0 && place < g.channels ? place : -1;
  }

  /* Show one tile as the background of `box`, its longer side `side` screen pixels; `reach` is how much of the sprite's
     upper left corner the file holds, where it does not hold all. */
  function cut(box, g, source, place, side, reach) {
    var scale = side / Math.max(g.width, g.height), at = corner(g, place), size = sizeOf(g);
    box.style.width = g.width * scale + "px";
    box.style.height = g.height * scale + "px";
    box.style.backgroundImage = 'url("' + source + '")';
    box.style.backgroundSize = Math.min(size.width, reach || size.width) * scale + "px " + Math.min(size.height, reach || size.height) * scale + "px";
    box.style.backgroundPosition = -at.x * scale + "px " + -at.y * scale + "px";
  }

  /* Put an outline over a tile of the image. */
  function outline(box, g, image, place) {
    var scale = image.clientWidth / sizeOf(g).width, at = corner(g, place);
    box.style.left = image.offsetLeft + at.x * scale + "px";
    box.style.top = image.offsetTop + at.y * scale + "px";
    box.style.width = g.width * scale + "px";
    box.style.height = g.height * scale + "px";
  }

  /* The sprite of an image, whose file may have an edge around the tiles. */
  function gridOf(words, image) {
    var g = grid(words);
    g.edge = image.naturalWidth ? (image.naturalWidth - sizeOf(g).width) / 2 : 0;
    return g;
  }

  function channelAt(g, image, event) {
    return placeAt(g, image.getBoundingClientRect(), event.clientX, event.clientY);
  }

  function element(name, className, text) {
    var made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined && text !== "") made.textContent = text;
    return made;
  }

  /* --- the keyboard: what components answer to, listed by "?", or by Ctrl and "/" where that single key is turned off --- */

  var groups = [], presses = [], dialog = null, STORED = "innerview.single-keys";

  var keys = {
    /* List the keys of a component under a heading, as pairs of keys and what they do. Returns what takes them out. */
    list: function (heading, pairs) {
      var group = { heading: heading, pairs: pairs };
      groups.push(group);
      return function () { groups.splice(groups.indexOf(group), 1); };
    },
    /* Answer to single keys, wherever on the page the keyboard is: `act(event)` returns whether the key was its own. They
       are left to those who type, can be turned off, and stand in the list as `label`. Returns what ends that. */
    press: function (label, words, act) {
      var press = { pair: [label, words], act: act };
      presses.push(press);
      return function () { presses.splice(presses.indexOf(press), 1); };
    }
  };

  /* n and p follow the links that say so (aria-keyshortcuts) and take what is chosen here along. */
  function neighbour(event) {
    var link = /^[np]$/.test(event.key) && document.querySelector('a[aria-keyshortcuts="' + event.key + '"]');
    if (link) location.href = link.href.split("#")[0] + address.hash();
    return Boolean(link);
  }

  /* Whether single keys are answered. */
  function single(wish) {
    try {
      if (wish !== undefined) localStorage.setItem(STORED, wish ? "on" : "off");
      return localStorage.getItem(STORED) !== "off";
    } catch (error) { // no storage here: a sandboxed frame, say
      return true;
    }
  }

  function listed() {
    var everywhere = [["Tab", "Next link or control"], [single() ? "? or Ctrl+/" : "Ctrl+/", "This list"]];
    if (document.querySelector(".md-search")) everywhere.unshift(["/", "Search"]);
    if (single()) everywhere = presses.map(function (press) { return press.pair; }).concat(everywhere);
    if (single() && document.querySelector("a[aria-keyshortcuts]")) everywhere.unshift(["n, p", "Next or previous image"]);
    return groups.concat({ heading: "Everywhere", pairs: everywhere });
  }

  function showKeys() {
    var box = element("label", "keys__single"), check = element("input"), close = element("button", "button button--primary", "Close");
    var title = element("h2", "", "Keyboard");
    if (dialog) return dialog.close();
    dialog = element("dialog", "keys");
    title.id = "keys-title";
    dialog.setAttribute("aria-labelledby", title.id);
    dialog.append(title);
    listed().forEach(function (group) {
      var list = element("dl");
      group.pairs.forEach(function (pair) {
        var term = element("dt");
        term.append(element("kbd", "", pair[0]));
        list.append(term, element("dd", "", pair[1]));
      });
      dialog.append(element("h3", "", group.heading), list);
    });
    check.type = "checkbox";
    check.checked = single();
    check.addEventListener("change", function () { single(check.checked); });
    box.append(check, "Single keys, such as ? for this list");
    close.type = "button";
    close.addEventListener("click", function () { dialog.close(); });
    dialog.append(box, close);
    dialog.addEventListener("close", function () {
      dialog.remove();
      dialog = null;
    });
    document.body.append(dialog);
    dialog.showModal();
    close.focus();
  }

  document.addEventListener("keydown", function (event) {
    var typing = event.target.closest && event.target.closest("textarea, select, [contenteditable], input:not([type=range], [type=checkbox], [type=radio])");
    var alone = single() && !typing && !event.ctrlKey && !event.metaKey && !event.altKey;
    if ((alone && event.key === "?") || (event.key === "/" && event.ctrlKey)) {
      event.preventDefault();
      showKeys();
    } else if (alone && !document.querySelector("dialog[open]")) {
      if (neighbour(event) || presses.some(function (press) { return press.act(event); })) event.preventDefault();
    }
  });

  /* --- data: each script beside a page brings one entry of `innerview.data`, before this script or after --- */

  var fetched = {}, renewed = 0; // scripts that were asked for, by what they bring, and how often the page was exchanged

  /* Call `act` with the entry `name`, after fetching the script at `source` where it is not there; `failed` if it cannot be. */
  function need(name, source, act, failed) {
    var script, shared = window.innerview.data;
    if (name in shared) return act(shared[name]);
    script = fetched[name] || document.querySelector('script[src="' + source + '"]');
    if (!script) {
      script = fetched[name] = element("script");
      script.src = source + (renewed ? "?" + renewed : "");
      script.addEventListener("error", function () {
        script.remove();
        if (fetched[name] === script) delete fetched[name];
      });
      document.head.append(script);
    }
    script.addEventListener("load", function () { if (name in shared) act(shared[name]); });
    if (failed) script.addEventListener("error", failed);
  }

  /* --- what is enlivened beside elements: begun with the page, and again where its HTML is exchanged meanwhile --- */

  var enlivened = [];

  /* Enliven each element that fits `selector`, now or when it comes: `setup(host, signal)`, whose doings end with `signal`. */
  function enliven(selector, setup) {
    var entry = { selector: selector, setup: setup, hosts: new Map() };
    enlivened.push(entry);
    arrive(entry);
  }

  function arrive(entry) {
    document.querySelectorAll(entry.selector).forEach(function (host) {
      var ending = new AbortController();
      if (entry.hosts.has(host)) return;
      entry.hosts.set(host, ending);
      entry.setup(host, ending.signal);
    });
  }

  /* The HTML in `nodes` is about to be exchanged: what is enlivened around them ends. */
  function end(nodes) {
    enlivened.forEach(function (entry) {
      entry.hosts.forEach(function (ending, host) {
        if (!nodes.some(function (node) { return host.contains(node); })) return;
        entry.hosts.delete(host);
        ending.abort();
      });
    });
  }

  /* It is exchanged: what left ends, what came or was ended begins, and data is fetched anew where it is needed again. */
  function begin() {
    renewed += 1;
    Object.keys(fetched).forEach(function (name) {
      fetched[name].remove();
      delete fetched[name];
      delete window.innerview.data[name];
    });
    enlivened.forEach(function (entry) {
      entry.hosts.forEach(function (ending, host) {
        if (host.isConnected) return;
        entry.hosts.delete(host);
        ending.abort();
      });
      arrive(entry);
    });
  }

  /* --- elements: the server's HTML stands in them, and is complete without any script --- */

  /* Define an element. `setup(host, signal)` enlivens what is in it, with listeners that end with `signal`: it is aborted
     when the element leaves the page. An element that comes back is set up again. */
  function define(name, setup) {
    customElements.define(name, class extends HTMLElement {
      connectedCallback() {
        this.ending = new AbortController();
        setup(this, this.ending.signal);
      }

      disconnectedCallback() {
        this.ending.abort();
      }
    });
  }

  /* Say on the page that what `host` shows has changed: the one event of all elements. */
  function changed(host, detail) {
    host.dispatchEvent(new CustomEvent("iv-change", { bubbles: true, detail: detail }));
  }

  state = parse(location.hash) || {};
  window.addEventListener("hashchange", read);
  window.innerview = window.innerview || {};
  window.innerview.data = window.innerview.data || {};
  Object.assign(window.innerview, {
    address: address, keys: keys, number: number, element: element, need: need, define: define, changed: changed,
    enliven: enliven, end: end, begin: begin,
    sprite: {
      gridOf: gridOf, channelAt: channelAt, grid: grid, channelOf: channelOf, placeOf: placeOf, placeAt: placeAt, sizeOf: sizeOf, corner: corner, cut: cut, outline: outline
    }
  });
})();
