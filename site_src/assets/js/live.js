/* The live page: a visitor's own picture goes through a network of the gallery, in this browser, and nothing is sent.
   `document.documentElement.dataset.live` says how far it is (idle, loading, ready, running, done, error), and
   `innerviewLive.last` holds what came out of the last picture. */
(function () {
  "use strict";

  var root = document.documentElement, data = JSON.parse(document.getElementById("live-data").textContent);
  var byId = function (id) { return document.getElementById(id); };
  var worker, runtimeSent = false, loaded = null, loading = null, waiting = null, card = null, file = null;
  var picture = null, place = null, answer = null, run = 0, given = {}, answered = -1;
  var METHODS = data.methods;
  var api = window.innerviewLive = { last: null, take: function (part) { given[part.name] = part; } };

  function state(name, words) {
    root.dataset.live = name;
    byId("live-status").textContent = words;
    byId("live-status").classList.toggle("live__status--error", name === "error");
    byId("live-progress").hidden = name !== "loading";
  }

  function element(name, className, text) {
    var made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function percent(share) {
    var value = 100 * share;
    return (value >= 10 ? value.toFixed(0) : value >= 0.1 ? value.toFixed(1) : "< 0.1") + " %";
  }

  function number(value) {
    return Number(value.toPrecision(3)).toString();
  }

  /* --- loading: on demand, as files over http and as scripts from a disk --- */

  function missing() {
    var wanted = ["WebAssembly", "Worker", "OffscreenCanvas", "DecompressionStream", "createImageBitmap"];
    return wanted.filter(function (name) { return !(name in window); });
  }

  function model() {
    return data.models[byId("live-model").selectedIndex];
  }

  async function part(name, source, bytes, tell) {
    if (given[name]) return given[name];
    if (location.protocol === "file:") {
      await new Promise(function (go, stop) {
        var script = element("script");
        script.onload = go;
        script.onerror = function () { stop(new Error(source + " is missing beside this page.")); };
        script.src = source;
        document.head.append(script);
      });
      tell(bytes);
    } else {
      var response = await fetch(source), chunks = [];
      if (!response.ok) throw new Error(source + ": " + response.status);
      var reader = response.body.getReader();
      for (var piece = await reader.read(); !piece.done; piece = await reader.read()) {
        chunks.push(piece.value);
        tell(piece.value.length);
      }
      var text = await new Blob(chunks).text();
      api.take(JSON.parse(text.slice(data.before.length, -data.after.length)));
    }
    if (!given[name]) throw new Error(source + " does not hold what it should.");
    return given[name];
  }

  /* Have the chosen network ready in the worker. */
  function load() {
    var wanted = model(), name = wanted.slug;
    if (loaded === name) return Promise.resolve();
    if (loading && loading.name === name) return loading.promise;
    var promise = fetchAll(wanted);
    loading = { name: name, promise: promise };
    promise.catch(function () {}).then(function () { if (loading && loading.promise === promise) loading = null; });
    return promise;
  }

  async function fetchAll(wanted) {
    var lacks = missing(), all = wanted.bytes + (runtimeSent ? 0 : data.runtime.bytes), got = 0;
    if (lacks.length) throw new Error("This browser cannot run networks: it lacks " + lacks.join(", ") + ".");
    function tell(bytes) {
      got += bytes;
      byId("live-progress").value = Math.min(1, got / all);
    }
    loaded = null;
    byId("live-progress").value = 0;
    state("loading", "Loading " + wanted.title + " …");
    var runtime = runtimeSent ? null : await part("runtime", data.runtime.file, data.runtime.bytes, tell);
    var network = await part(wanted.slug, wanted.file, wanted.bytes, tell);
    delete given[wanted.slug]; // the worker keeps it, and another one needs the room
    if (!worker) start(runtime);
    state("loading", "Preparing " + wanted.title + " …");
    card = network.card;
    await new Promise(function (go, stop) {
      waiting = { go: go, stop: stop };
      post({ kind: "load", runtime: runtime && { module: runtime.module, wasm: runtime.wasm }, model: network });
    });
    runtimeSent = true;
    delete given.runtime;
    loaded = wanted.slug;
    frame(wanted);
    state("ready", wanted.title + " is ready: choose a picture.");
  }

  function start(runtime) {
    var text = runtime.script + "\n;(" + window.innerviewLiveWorker.toString() + ")(self);";
    worker = new Worker(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
    worker.onmessage = function (event) { heard[event.data.kind](event.data); };
    worker.onerror = function (event) {
      fail("The network stopped: " + (event.message || "the browser ended it") + ".");
    };
  }

  function post(message) {
    run += 1;
    worker.postMessage(Object.assign({ id: run }, message));
    return run;
  }

  function fail(words) {
    state("error", words);
    if (waiting) waiting.stop(new Error(words));
    waiting = null;
  }

  /* --- a picture comes in --- */

  async function take(chosen) {
    if (!chosen) return;
    file = chosen;
    state("running", "Reading the picture …");
    try {
      await load();
      if (chosen !== file) return;
      state("running", "Reading the picture …");
      post({ kind: "picture", file: chosen });
    } catch (error) {
      fail(error.message);
    }
  }

  var heard = {
    ready: function () {
      if (waiting) waiting.go();
      waiting = null;
    },
    error: function (message) {
      fail(message.text);
    },
    picture: function (message) {
      picture = message;
      place = { left: message.left, top: message.top };
      byId("live-crop-part").hidden = false;
      paintCrop();
      go(-1);
    },
    answer: function (message) {
      if (message.id !== run) return;
      answer = message;
      showAnswer();
    },
    map: function (message) {
      if (message.id === run) showMap(message);
    },
    layer: function (message) {
      if (message.id === run) showLayer(message);
    },
    done: function (message) {
      if (message.id === run) state("done", "Done. Nothing has left this machine.");
    }
  };

  function go(target) {
    state("running", "The picture goes through the network …");
    api.maps = {};
    answered = post({ kind: "run", left: place.left, top: place.top, target: target, slow: byId("live-slow").checked });
  }

  /* --- the crop --- */

  function input() {
    return { wide: card.input.size[2], high: card.input.size[1] };
  }

  function pixelsOf(rgb, wide, high) {
    var image = new ImageData(wide, high);
    for (var i = 0, j = 0; j < rgb.length; i += 4, j += 3) {
      image.data[i] = rgb[j];
      image.data[i + 1] = rgb[j + 1];
      image.data[i + 2] = rgb[j + 2];
      image.data[i + 3] = 255;
    }
    return image;
  }

  function put(canvas, image) {
    canvas.width = image.width;
    canvas.height = image.height;
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  function paintCrop() {
    var canvas = byId("live-crop"), box = byId("live-crop-box"), size = input();
    put(canvas, pixelsOf(picture.pixels, picture.width, picture.height));
    box.style.left = 100 * place.left / picture.width + "%";
    box.style.top = 100 * place.top / picture.height + "%";
    box.style.width = 100 * size.wide / picture.width + "%";
    box.style.height = 100 * size.high / picture.height + "%";
    box.disabled = !room().some(Boolean);
  }

  /* How far the crop can move, right and down. */
  function room() {
    var size = input();
    return [Math.max(0, picture.width - size.wide), Math.max(0, picture.height - size.high)];
  }

  function moveCrop(left, top) {
    var most = room(), before = place;
    place = { left: most[0] ? Math.max(0, Math.min(most[0], Math.round(left))) : place.left,
      top: most[1] ? Math.max(0, Math.min(most[1], Math.round(top))) : place.top };
    if (place.left === before.left && place.top === before.top) return false;
    paintCrop();
    return true;
  }

  function cropByKeys(event) {
    var steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!steps || !picture) return;
    event.preventDefault();
    var far = event.shiftKey ? 1 : Math.max(1, Math.round(input().wide / 16));
    if (moveCrop(place.left + steps[0] * far, place.top + steps[1] * far)) go(-1);
  }

  function cropByHand(event) {
    var canvas = byId("live-crop"), scale = picture.width / canvas.getBoundingClientRect().width;
    var from = { x: event.clientX, y: event.clientY, left: place.left, top: place.top }, moved = false;
    var box = byId("live-crop-box");
    event.preventDefault();
    box.focus();
    box.setPointerCapture(event.pointerId);
    function move(at) {
      moved = moveCrop(from.left + (at.clientX - from.x) * scale, from.top + (at.clientY - from.y) * scale) || moved;
    }
    function end() {
      box.removeEventListener("pointermove", move);
      if (moved) go(-1);
    }
    box.addEventListener("pointermove", move);
    box.addEventListener("pointerup", end, { once: true });
    box.addEventListener("pointercancel", end, { once: true });
  }

  /* --- the answer --- */

  function showAnswer() {
    var list = byId("live-top"), size = input(), kx = picture.source[0] / picture.width;
    var ky = picture.source[1] / picture.height;
    var top = answer.order.map(function (index) { return [card.classes[index], answer.probabilities[index]]; });
    list.replaceChildren();
    answer.order.forEach(function (index) {
      var row = element("li"), button = element("button", "button live__class"), name = element("bdi", "", card.classes[index]);
      button.type = "button";
      button.append(name, element("span", "", percent(answer.probabilities[index])));
      button.setAttribute("aria-pressed", String(index === answer.target));
      button.style.setProperty("--share", 100 * answer.probabilities[index] + "%");
      button.addEventListener("click", function () { go(index); });
      row.append(button);
      list.append(row);
    });
    byId("live-explained").textContent = card.classes[answer.target] + ", " +
      percent(answer.probabilities[answer.target]);
    byId("live-answer-part").hidden = byId("live-maps-part").hidden = byId("live-layers-part").hidden = false;
    put(canvasOf("seen"), pixelsOf(answer.colours, size.wide, size.high));
    api.last = {
      model: loaded,
      top: top,
      logits: Array.from(answer.scores),
      input: answer.input,
      crop: [answer.left * kx, answer.top * ky, size.wide * kx, size.high * ky].map(Math.round),
      target: answer.target
    };
    state("running", "The network says " + top[0][0] + ", " + percent(top[0][1]) + ". The maps follow …");
  }

  function chooseClass(event) {
    event.preventDefault();
    var words = byId("live-class").value.trim().toLowerCase(), names = card ? labels() : [];
    var exact = names.findIndex(function (name) { return name.toLowerCase() === words; });
    var near = exact >= 0 ? exact : names.findIndex(function (name) { return words && name.toLowerCase().includes(words); });
    byId("live-class-status").textContent = near < 0 ? "No class is called so." : "";
    if (near >= 0 && picture) {
      byId("live-class").value = names[near];
      go(near);
    }
  }

  /* The names of the classes, with their number where two share one. */
  function labels() {
    return card.classes.map(function (name, index) {
      return card.classes.indexOf(name) === index ? name : name + " (" + index + ")";
    });
  }

  /* --- maps --- */

  var figures = {};

  function canvasOf(method) {
    return figures[method].canvas;
  }

  /* Lay out a figure for each map and each layer of a network, once for all its pictures. */
  function frame(wanted) {
    var maps = byId("live-maps"), walk = byId("live-layers"), options = element("option", "", "None");
    var classes = document.createDocumentFragment();
    figures = {};
    maps.replaceChildren();
    walk.replaceChildren();
    METHODS.forEach(function (method) {
      if (method.role === "class-map" && !card.class_map) return;
      maps.append(mapFigure(method));
    });
    card.layers.forEach(function (layer, index) { walk.append(layerFigure(layer, index)); });
    labels().forEach(function (name) {
      var option = element("option");
      option.value = name;
      classes.append(option);
    });
    byId("live-classes").replaceChildren(classes);
    options.value = "";
    byId("live-beside").replaceChildren(options);
    wanted.pictures.forEach(function (one, index) {
      var option = element("option", "", one.title);
      option.value = String(index);
      byId("live-beside").append(option);
    });
    byId("live-class").value = "";
    ["live-crop-part", "live-answer-part", "live-maps-part", "live-layers-part"].forEach(function (id) {
      byId(id).hidden = true;
    });
  }

  function figure(key, title, note) {
    var box = element("figure", "live__figure"), head = element("figcaption"), stage = element("div", "live__stage");
    var canvas = element("canvas"), save = element("button", "button", "Download");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", title + ": not there yet");
    save.type = "button";
    save.append(element("span", "visually-hidden", " " + title));
    save.addEventListener("click", function () { download(key); });
    stage.append(canvas);
    head.append(element("b", "", title), element("span", "live__note", note || ""), save);
    box.append(stage, head);
    figures[key] = { box: box, stage: stage, canvas: canvas, title: title, note: head.children[1] };
    return box;
  }

  function mapFigure(method) {
    var box = figure(method.role, method.title), own = figures[method.role];
    if (method.draw === "overlay") {
      own.photo = element("canvas", "live__photo");
      own.photo.setAttribute("aria-hidden", "true");
      own.stage.prepend(own.photo);
      own.stage.classList.add("live__stage--overlay");
    }
    return box;
  }

  function percentile(values, share) {
    var sorted = Float32Array.from(values).sort(), at = (sorted.length - 1) * share, low = Math.floor(at);
    var high = Math.min(low + 1, sorted.length - 1), between = sorted[low] + (sorted[high] - sorted[low]) * (at - low);
    return between || sorted[sorted.length - 1];
  }

  function even(value) {
    var low = Math.floor(value), rest = value - low;
    return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
  }


  var tables = {};

  /* A palette as bytes. */
  function table(name) {
    if (!tables[name]) {
      tables[name] = Uint8Array.from(window.innerview.palettes.codes[name].match(/../g), function (pair) { return parseInt(pair, 16); });
    }
    return tables[name];
  }

  function coded(codes, wide, high, name) {
    var image = new ImageData(wide, high), colours = table(name);
    for (var i = 0; i < codes.length; i++) {
      image.data.set(colours.subarray(3 * codes[i], 3 * codes[i] + 3), 4 * i);
      image.data[4 * i + 3] = 255;
    }
    return image;
  }

  /* Values as the styles of the gallery draw them; each gives an image, and the ends of its scale. */
  var draw = {
    grey: function (values, size) {
      var low = Infinity, most = -Infinity;
      values.forEach(function (value) { low = Math.min(low, value); most = Math.max(most, value); });
      var limit = percentile(values, 0.99), high = limit > low ? limit : most;
      var codes = Uint8Array.from(values, function (value) {
        return high > low ? even(Math.max(0, Math.min(1, (value - low) / (high - low))) * 255) : 0;
      });
      return { image: coded(codes, size[2], size[1], "grey"), scale: [low, high] };
    },
    signed: function (values, size) {
      var limit = percentile(values.map(Math.abs), 0.995);
      var codes = Uint8Array.from(values, function (value) {
        return limit ? 128 + even(Math.max(-1, Math.min(1, value / limit)) * 127) : 128;
      });
      return { image: coded(codes, size[2], size[1], "signed"), scale: [-limit, limit] };
    },
    colour: function (values, size) {
      var limit = percentile(values.map(Math.abs), 0.999), area = size[1] * size[2], rgb = new Uint8Array(3 * area);
      for (var i = 0; i < area; i++) {
        for (var c = 0; c < 3; c++) {
          var value = values[(size[0] === 3 ? c : 0) * area + i];
          rgb[3 * i + c] = even((limit ? 0.5 + 0.5 * Math.max(-1, Math.min(1, value / limit)) : 0.5) * 255);
        }
      }
      return { image: pixelsOf(rgb, size[2], size[1]), scale: [-limit, limit] };
    },
    overlay: function (values, size, message) {
      var times = Math.round(Math.sqrt(message.level.length / (input().wide * input().high)));
      var wide = input().wide * times, image = new ImageData(wide, input().high * times), heat = table("heat");
      message.level.forEach(function (level, i) {
        var code = Math.floor(Math.max(0, Math.min(1, level)) * 255 + 0.5);
        image.data.set(heat.subarray(3 * code, 3 * code + 3), 4 * i);
        image.data[4 * i + 3] = Math.round(255 * (0.12 + 0.58 * level));
      });
      put(figures[message.method].photo, pixelsOf(answer.photo, wide, input().high * times));
      return { image: image, scale: [0, Math.max.apply(null, values)] };
    }
  };

  function showMap(message) {
    var own = figures[message.method], method = METHODS.find(function (one) { return one.role === message.method; });
    if (!own) return;
    var drawn = draw[method.draw](message.values, message.size, message), ends = drawn.scale.map(number).join(" to ");
    put(own.canvas, drawn.image);
    own.canvas.setAttribute("aria-label", method.title + " for " + card.classes[answer.target] + ", values " + ends);
    own.note.textContent = message.done < message.of ? message.done + " of " + message.of : ends;
    own.image = drawn.image;
    api.maps[message.method] = message.values;
    if (message.of > 1) {
      state("running", method.title + ", " + message.done + " of " + message.of + " …");
    }
  }

  /* --- the walk, layer by layer --- */

  function layerFigure(layer, index) {
    var key = "layer-" + index, box = figure(key, layer), own = figures[key], pick = element("div", "live__pick");
    var slider = element("input"), label = element("label", "", "Channel "), shown = element("canvas", "live__channel");
    slider.type = "range";
    slider.min = slider.value = "0";
    slider.max = "0";
    label.append(slider);
    shown.setAttribute("role", "img");
    shown.setAttribute("aria-label", "The chosen channel of " + layer);
    own.says = element("span", "live__note");
    pick.append(shown, label, own.says);
    box.append(pick);
    own.slider = slider;
    own.one = shown;
    slider.addEventListener("input", function () { showChannel(own); });
    own.canvas.addEventListener("click", function (event) {
      var at = own.layout && tileAt(own, event);
      if (at >= 0) {
        slider.value = String(at);
        showChannel(own);
      }
    });
    return box;
  }

  function columnsFor(count) {
    var side = Math.sqrt(count);
    return count & (count - 1) ? Math.ceil(side * 1.2) : Math.pow(2, Math.ceil(Math.log2(side)));
  }

  /* All channels as tiles of one picture, as `sprite` of generator/drawing/styles.py lays them. */
  function showLayer(message) {
    var own = figures["layer-" + message.number], count = message.shape[0], high = message.shape[1];
    var wide = message.shape[2], columns = columnsFor(count), rows = Math.ceil(count / columns);
    var gap = high * wide > 1 ? 1 : 0, name = message.signed ? "signed" : "green";
    var times = Math.max(1, Math.min(Math.ceil(((224 + gap) / rows - gap) / high),
      Math.ceil(((224 + gap) / columns - gap) / wide)));
    var tall = high * times + gap, broad = wide * times + gap;
    var codes = new Uint8Array((columns * broad - gap) * (rows * tall - gap)).fill(message.signed ? 0 : 255);
    for (var k = 0; k < count; k++) {
      var top = Math.floor(k / columns) * tall, left = k % columns * broad;
      for (var y = 0; y < high * times; y++) {
        for (var x = 0; x < wide * times; x++) {
          codes[(top + y) * (columns * broad - gap) + left + x] =
            message.codes[(k * high + Math.floor(y / times)) * wide + Math.floor(x / times)];
        }
      }
    }
    own.layout = { columns: columns, count: count, tall: tall, broad: broad, gap: gap };
    own.layer = message;
    own.image = coded(codes, columns * broad - gap, rows * tall - gap, name);
    put(own.canvas, own.image);
    own.canvas.setAttribute("aria-label", count + " channels of " + card.layers[message.number]);
    own.note.textContent = message.of.join(" × ") + ", " + (message.signed ? number(-message.limit) : "0") + " to " +
      number(message.limit);
    own.slider.max = String(count - 1);
    showChannel(own);
  }

  function tileAt(own, event) {
    var box = own.canvas.getBoundingClientRect(), layout = own.layout;
    var column = Math.floor((event.clientX - box.left) * own.canvas.width / box.width / layout.broad);
    var at = Math.floor((event.clientY - box.top) * own.canvas.height / box.height / layout.tall) * layout.columns + column;
    return column < layout.columns && at < layout.count ? at : -1;
  }

  function showChannel(own) {
    var layer = own.layer, channel = Number(own.slider.value), area = layer.shape[1] * layer.shape[2];
    var codes = layer.codes.subarray(channel * area, (channel + 1) * area), stats = layer.stats[channel];
    put(own.one, coded(codes, layer.shape[2], layer.shape[1], layer.signed ? "signed" : "green"));
    own.says.textContent = channel + " of 0 to " + (layer.shape[0] - 1) + ": largest " + number(stats[0]) + ", mean " +
      number(stats[1]) + ", " + percent(stats[2]) + " zeros";
    own.slider.setAttribute("aria-valuetext", own.says.textContent);
  }

  /* --- beside a picture of the gallery, and away with it --- */

  function beside() {
    var chosen = model().pictures[Number(byId("live-beside").value)];
    Object.keys(figures).forEach(function (key) {
      var own = figures[key], index = key.indexOf("layer-") === 0 ? Number(key.slice(6)) : -1;
      var source = chosen && byId("live-beside").value !== "" &&
        (index < 0 ? chosen.maps[key] : chosen.layers[card.layers[index]]);
      if (own.other) own.other.remove();
      own.other = null;
      if (!source) return;
      own.other = element("img", "live__other");
      own.other.alt = own.title + " of " + chosen.title + ", from the gallery";
      own.other.loading = "lazy";
      own.other.src = data.gallery + source;
      own.stage.after(own.other);
    });
  }

  /* Save a figure with its caption, drawn on one canvas. */
  function download(key) {
    var own = figures[key], size = own.canvas;
    if (!size.width || !answer) return;
    var times = Math.max(1, Math.ceil(448 / Math.max(size.width, size.height))), board = element("canvas");
    var pen = board.getContext("2d"), wide = size.width * times, high = size.height * times, line = 22;
    var words = [own.title + (key.indexOf("layer-") && key !== "seen" ? " for " + card.classes[answer.target] : ""),
      model().title + ": " + card.classes[answer.order[0]] + ", " + percent(answer.probabilities[answer.order[0]]),
      own.note.textContent];
    board.width = Math.max(wide, 448);
    board.height = high + line * 3 + 12;
    pen.fillStyle = "#ffffff";
    pen.fillRect(0, 0, board.width, board.height);
    pen.imageSmoothingEnabled = false;
    if (own.photo) pen.drawImage(own.photo, 0, 0, wide, high);
    pen.drawImage(own.canvas, 0, 0, wide, high);
    pen.fillStyle = "#1b211d";
    pen.font = "15px sans-serif";
    words.forEach(function (text, index) { pen.fillText(text, 4, high + line * (index + 1), board.width - 8); });
    board.toBlob(function (blob) {
      var link = element("a"), source = URL.createObjectURL(blob);
      link.href = source;
      link.download = loaded + "-" + key + ".png";
      link.click();
      setTimeout(function () { URL.revokeObjectURL(source); }, 1000);
    });
  }

  /* --- what a visitor does --- */

  function choose() {
    var index = data.models.findIndex(function (one) { return one.slug === decodeURIComponent(location.hash.slice(1)); });
    if (index >= 0) byId("live-model").selectedIndex = index;
  }

  byId("live-file").addEventListener("change", function (event) { take(event.target.files[0]); });
  byId("live-load").addEventListener("click", function () {
    load().catch(function (error) { fail(error.message); });
  });
  byId("live-model").addEventListener("change", function () {
    byId("live-size").textContent = model().size;
    if (file) take(file);
  });
  byId("live-crop-box").addEventListener("keydown", cropByKeys);
  byId("live-crop-box").addEventListener("pointerdown", cropByHand);
  byId("live-class-form").addEventListener("submit", chooseClass);
  byId("live-beside").addEventListener("change", beside);
  byId("live-opacity").addEventListener("input", function (event) {
    byId("live-maps").style.setProperty("--over", event.target.value / 100);
  });
  byId("live-slow").addEventListener("change", function () {
    if (answer && answered === run) go(answer.target);
  });
  document.addEventListener("paste", function (event) { take(event.clipboardData && event.clipboardData.files[0]); });
  document.addEventListener("dragover", function (event) { event.preventDefault(); });
  document.addEventListener("drop", function (event) {
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  });
  window.addEventListener("hashchange", function () {
    choose();
    byId("live-size").textContent = model().size;
  });
  choose();
  byId("live-size").textContent = model().size;
  byId("live-tools").hidden = false;
  state("idle", "Choose a picture, drop one here or paste one.");
})();
