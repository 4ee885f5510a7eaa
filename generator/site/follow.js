/* An open page becomes its next edition, in place: for sites that grow and for `innerview serve`, never a finished site.

   The HTML that this page came with is compared with that of the new edition, both without any script's doing; the page
   itself then gets the changes alone. What scripts made of it stays, as do all nodes that both editions have. Runs before
   the scripts of the page. Where that cannot be done the page is loaded again. */
(function () {
  "use strict";
  var self = document.currentScript, data = self.dataset, edition = data.edition, timer = 0, under = false, pressed = false;
  var KEY = "\u0001"; // begins the ids by which both editions know the same picture, link or view, here alone
  var KEYED = "a[href], img[src], [data-view], [data-image]";
  // What these hold is built once, when the page is loaded, by scripts that do not begin again.
  var ONCE = "[data-layer], [data-channel-table], [data-compare-figures], [data-comparison], [data-csv]";
  var AGAIN = 500, PATIENCE = 3; // milliseconds; how often a page that cannot be read is asked for
  var FRAMES = 60; // in which what was seen is held at its place
  var live = new WeakMap(), before; // the node of the page for each of the HTML that it came with

  /* --- which edition there is --- */

  function ask() {
    var script = document.createElement("script");
    script.src = data.poll + "?" + Date.now();
    script.onload = function () { script.remove(); };
    script.onerror = function () {
      script.remove();
      if ("last" in data) window.innerviewEdition("last");
    };
    document.head.append(script);
  }

  window.innerviewEdition = function (number) {
    if (String(number) === edition || under) return;
    under = true;
    read(String(number), PATIENCE).then(function (html) {
      whenFree(function () { return pressed || playing(); }, function () { take(html, String(number)); });
    }, reload);
  };

  /* The HTML of this page in an edition: over http as any page, from a disk as the script that stands for it. */
  function read(number, left) {
    if (!before) return Promise.reject(new Error("this page is loaded again"));
    return (location.protocol === "file:" ? script(number) : fetch(location.href.split("#")[0], { cache: "no-store" }).then(function (answer) {
      if (!answer.ok) throw new Error(answer.status);
      return answer.text();
    })).catch(function (error) {
      if (left < 2) throw error;
      return new Promise(function (go) { setTimeout(go, AGAIN); }).then(function () { return read(number, left - 1); });
    });
  }

  function script(number) {
    return new Promise(function (resolve, reject) {
      var made = document.createElement("script");
      window.innerviewPage = resolve;
      made.src = data.pages + number + "/" + data.path + ".js";
      made.onload = function () { made.remove(); };
      made.onerror = function () {
        made.remove();
        reject(new Error("no such page"));
      };
      document.head.append(made);
    });
  }

  function take(html, number) {
    try {
      exchange(new DOMParser().parseFromString(html, "text/html"));
    } catch (error) {
      console.info("loaded again: " + error.message);
      return reload();
    }
    edition = number;
    under = false;
    if (number === "last") stop();
  }

  function stop() {
    clearInterval(timer);
    ["pointerdown", "pointerup", "pointercancel"].forEach(function (name) { window.removeEventListener(name, press, true); });
  }

  /* A reader who has marked something, fills something in or looks at a picture in a dialogue is not disturbed. */
  function reload() {
    stop();
    whenFree(function () {
      var field = document.activeElement, marked = window.getSelection();
      return document.querySelector("dialog[open]") || (marked && !marked.isCollapsed) || (field && /^(INPUT|TEXTAREA|SELECT)$/.test(field.tagName));
    }, function () { location.reload(); });
  }

  function whenFree(busy, act) {
    if (busy()) setTimeout(function () { whenFree(busy, act); }, AGAIN);
    else act();
  }

  function press(event) {
    pressed = event.type === "pointerdown";
  }

  function playing() {
    return Array.prototype.some.call(document.querySelectorAll("iv-scrubber"), function (scrubber) { return scrubber.timer; });
  }

  /* --- from one edition to the next --- */

  function exchange(next) {
    var records, hosts;
    if (!sameAssets(next)) throw new Error("it needs other scripts or styles");
    records = changes(next);
    if (!records.length) return;
    hosts = concerned(records);
    if (hosts.some(function (host) { return host.closest(ONCE); }) || records.some(brings)) throw new Error("its scripts begin once");
    keepingPlace(function () {
      var alone = restarted(records, hosts);
      if (window.innerview) window.innerview.end(hosts);
      alone.slice().reverse().forEach(function (element) { element.disconnectedCallback(); });
      mirror(records);
      alone.forEach(function (element) {
        if (!element.isConnected) return;
        if (element.ending && !element.ending.signal.aborted) element.disconnectedCallback(); // it was moved, and began too early
        element.connectedCallback();
      });
      if (window.innerview) window.innerview.begin();
    });
    document.title = next.title;
  }

  function brings(record) {
    return Array.prototype.some.call(record.addedNodes, function (node) { return node.nodeType === 1 && (node.matches(ONCE) || node.querySelector(ONCE)); });
  }

  /* Whether the page has every script and style sheet that the new one loads, as it is now, and the same data. */
  function sameAssets(next) {
    return Array.prototype.every.call(next.querySelectorAll("script[src], link[rel=stylesheet]"), function (asset) {
      var name = asset.src === undefined ? "href" : "src", path = asset.getAttribute(name), version = asset.dataset.version;
      var here = document.querySelector(asset.localName + "[" + name + '="' + CSS.escape(path) + '"]');
      if (asset.dataset.edition) return true; // this one
      return here && (!version || !here.dataset.version || here.dataset.version === version);
    }) && Array.prototype.every.call(next.querySelectorAll("script[id]"), function (given) {
      var here = document.getElementById(given.id);
      return here && here.textContent === given.textContent;
    });
  }

  /* What leads from the HTML that the page came with to the next: that becomes the next, and is watched meanwhile. */
  function changes(next) {
    var watch = new MutationObserver(function () {}), records;
    next.querySelectorAll("script").forEach(function (script) { script.remove(); });
    [before, next.body].forEach(name);
    watch.observe(before, { subtree: true, childList: true, attributes: true, attributeOldValue: true, characterData: true });
    window.Idiomorph.morph(before, next.body, {
      morphStyle: "outerHTML",
      restoreFocus: false,
      callbacks: { beforeNodeMorphed: function (old, other) { return !old.isEqualNode(other); } }
    });
    records = watch.takeRecords().filter(function (record) {
      return record.target !== before || record.type !== "attributes"; // the theme keeps its state there
    });
    watch.disconnect();
    before.querySelectorAll("[id]").forEach(function (node) { if (node.id[0] === KEY) node.removeAttribute("id"); });
    return records.filter(function (record) {
      return record.attributeName !== "id" || (record.oldValue || KEY)[0] !== KEY || record.target.id;
    });
  }

  /* Give what has no id the one that its address makes, where nothing else has it. */
  function name(body) {
    var seen = {}; // before any is given, since they count as those around others
    body.querySelectorAll(KEYED).forEach(function (node) {
      var around = node.parentNode.closest("[id]"), what = node.dataset.view || node.dataset.image || node.getAttribute("href") || node.getAttribute("src");
      var key = [around ? around.id : "", node.localName, node.classList[0], what].join(KEY);
      (seen[key] = seen[key] || []).push(node);
    });
    Object.keys(seen).forEach(function (key) {
      if (seen[key].length === 1 && !seen[key][0].id) seen[key][0].id = KEY + key;
    });
  }

  /* The nodes of the page in which something changes. */
  function concerned(records) {
    return Array.from(new Set(records.map(function (record) { return record.target; }))).map(function (target) {
      var node = live.get(target);
      return node && (node.nodeType === 1 ? node : node.parentElement);
    }).filter(Boolean);
  }

  /* The elements that have to end and begin again: around what changes, or led by what does (`for`, `data-stage`). */
  function restarted(records, hosts) {
    var names = new Set(), links = "[for], [data-stage]";
    function add(node) { names.add(node.getAttribute("for") || node.dataset.stage); }
    hosts.forEach(function (host) {
      for (var node = host; node; node = node.parentElement) if (node.id) names.add(node.id);
    });
    records.forEach(function (record) {
      [record.target].concat(Array.from(record.addedNodes), Array.from(record.removedNodes)).forEach(function (node) {
        if (node.nodeType !== 1) return;
        if (node.matches(links)) add(node);
        if (record.type === "childList" && node !== record.target) node.querySelectorAll(links).forEach(add);
      });
    });
    return Array.prototype.filter.call(document.querySelectorAll(":defined"), function (element) {
      if (element.localName.indexOf("-") < 0 || !element.connectedCallback) return false;
      return names.has(element.id) || names.has(element.getAttribute("for")) || hosts.some(function (host) { return element.contains(host); });
    });
  }

  /* The changes, done to the page. */
  function mirror(records) {
    var attributes = new Map(), parents = new Set(), removed = new Set();
    records.forEach(function (record) {
      var old;
      if (record.type === "childList") {
        parents.add(record.target);
        record.removedNodes.forEach(function (node) { removed.add(node); });
      } else if (record.type === "characterData") {
        if (live.has(record.target)) live.get(record.target).data = record.target.data;
      } else {
        old = attributes.get(record.target) || attributes.set(record.target, {}).get(record.target);
        if (!(record.attributeName in old)) old[record.attributeName] = record.oldValue;
      }
    });
    attributes.forEach(function (old, node) {
      if (live.has(node)) Object.keys(old).forEach(function (name) { attribute(live.get(node), name, old[name], node.getAttribute(name)); });
    });
    removed.forEach(function (node) {
      if (!before.contains(node) && live.has(node)) live.get(node).remove();
    });
    parents.forEach(function (node) { if (before.contains(node)) children(node); });
  }

  function attribute(element, name, old, value) {
    if (name === "class") { // scripts have added theirs
      (old || "").split(/\s+/).filter(Boolean).forEach(function (word) { element.classList.remove(word); });
      (value || "").split(/\s+/).filter(Boolean).forEach(function (word) { element.classList.add(word); });
    } else if (value === null) element.removeAttribute(name);
    else element.setAttribute(name, value);
    if (name === "data-version" && old && value && element.localName === "img") renew(element, value);
  }

  /* Another picture under the same name: shown when it is there. */
  function renew(image, version) {
    var fresh = new Image(), source = image.getAttribute("src").split("?")[0] + "?" + version;
    fresh.src = source;
    fresh.decode().then(function () { image.src = source; }, function () { image.src = source; });
  }

  /* Lay the children of a node as they are in the new edition, and leave what scripts put between them. */
  function children(node) {
    var host = live.get(node), last = null;
    node.childNodes.forEach(function (child) {
      var made = realised(child);
      if (made.parentNode !== host || (last && !(last.compareDocumentPosition(made) & Node.DOCUMENT_POSITION_FOLLOWING))) {
        put(host, made, last ? last.nextSibling : host.firstChild);
      }
      last = made;
    });
  }

  function put(host, node, place) {
    if (host.moveBefore && host.isConnected && node.isConnected) host.moveBefore(node, place);
    else host.insertBefore(node, place);
  }

  /* The node of the page for one of the HTML, made where there is none. */
  function realised(node) {
    var made = live.get(node);
    if (made) return made;
    made = document.importNode(node, false);
    live.set(node, made);
    node.childNodes.forEach(function (child) { made.append(realised(child)); });
    return made;
  }

  /* --- the reader's place: what is seen, what has the keyboard, and how far rows are scrolled --- */

  function keepingPlace(act) {
    var root = document.documentElement, seen = inSight(), focus = document.activeElement, way = wayTo(focus), anchor;
    var rows = Array.prototype.filter.call(document.body.querySelectorAll("*"), function (node) { return node.scrollLeft || node.scrollTop; })
      .map(function (node) { return [node, node.scrollLeft, node.scrollTop]; });
    root.style.overflowAnchor = "none"; // the browser has an idea of its own
    act();
    rows.forEach(function (row) {
      row[0].scrollLeft = row[1];
      row[0].scrollTop = row[2];
    });
    if (document.activeElement !== focus && focus !== document.body) {
      focus = focus.isConnected ? focus : way();
      if (focus) focus.focus({ preventScroll: true });
    }
    anchor = seen.filter(function (place) { return place[0].isConnected && place[0].getClientRects().length; })[0];
    root.style.removeProperty("overflow-anchor");
    if (anchor) hold(anchor[0], anchor[1]);
  }

  /* Keep an element where it was, also while what has arrived finds its size; until the reader moves. */
  function hold(node, top) {
    var moves = ["wheel", "keydown", "pointerdown", "touchstart"], left = FRAMES, moved = false;
    function move() { moved = true; }
    function again() {
      var off = node.getBoundingClientRect().top - top;
      if (!moved && node.isConnected && Math.abs(off) >= 1) window.scrollBy({ left: 0, top: off, behavior: "instant" });
      if (!moved && left--) requestAnimationFrame(again);
      else moves.forEach(function (name) { window.removeEventListener(name, move, true); });
    }
    moves.forEach(function (name) { window.addEventListener(name, move, true); });
    again();
  }

  /* What is in the window, with where it is: what has the keyboard, then the smallest elements, the first one first; not
     what stays while all else moves. */
  function inSight() {
    var nodes = [document.activeElement].concat(Array.from(document.querySelectorAll("main *")));
    return nodes.map(function (node, place) {
      var box = place && node.childElementCount ? null : node.getBoundingClientRect();
      var inside = box && box.height && box.top >= 0 && box.top < window.innerHeight && node.closest("main");
      return inside && window.scrollY && seen(node, box) && !stays(node) ? [node, box.top] : null;
    }).filter(Boolean);
  }

  /* Not under a bar that lies over the page. */
  function seen(node, box) {
    var there = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    return there && (node.contains(there) || there.contains(node));
  }

  function stays(node) {
    for (; node && node !== document.body; node = node.parentElement) if (/fixed|sticky/.test(getComputedStyle(node).position)) return true;
    return false;
  }

  /* How to come to what an element made anew: the one of its kind at its place among them. */
  function wayTo(node) {
    var kind = node.localName + Array.from(node.classList, function (word) { return "." + CSS.escape(word); }).join("");
    if (node.hasAttribute("href")) kind += '[href="' + CSS.escape(node.getAttribute("href")) + '"]';
    var place = Array.prototype.indexOf.call(document.querySelectorAll(kind), node);
    return function () { return document.querySelectorAll(kind)[place]; };
  }

  /* --- beginning --- */

  function pair(node, original) {
    live.set(node, original);
    for (var child = node.firstChild, other = original.firstChild; child; child = child.nextSibling, other = other.nextSibling) pair(child, other);
  }

  self.remove();
  if ("path" in data) {
    before = document.cloneNode(true).body; // of a document where nothing runs
    pair(before, document.body);
    before.querySelectorAll("script").forEach(function (script) { script.remove(); });
  }
  ["pointerdown", "pointerup", "pointercancel"].forEach(function (name) { window.addEventListener(name, press, true); });
  timer = setInterval(ask, Number(data.every));
})();
