/* What the live page has a worker do: decode and crop a picture, run the network, make maps of what comes out. Written
   as one function, of whose text the page makes a worker, as workers in files do not start on `file://`. */
(function () {
  "use strict";

  function work(self) {
    var AT_ONCE = 2048 * 2048, SMALLEST = 224;
    var TILE = 112, ROOM = 4096 * 4096; // as generator/engine/quantise.py has them
    var current = 0, card, full, scoresOnly, fullReady, picture, runtimeReady = false;

    function tell(kind, content, moved) {
      self.postMessage(Object.assign({ kind: kind }, content), moved || []);
    }

    /* --- what was loaded --- */

    async function unpacked(text) {
      var binary = atob(text), bytes = new Uint8Array(binary.length);
      for (var i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
      var stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      return new Uint8Array(await new Response(stream).arrayBuffer());
    }

    async function load(message) {
      if (message.runtime) {
        var wasm = await unpacked(message.runtime.wasm);
        self.ort.env.wasm.numThreads = 1;
        self.ort.env.wasm.wasmBinary = wasm.buffer;
        self.ort.env.wasm.wasmPaths = {
          mjs: URL.createObjectURL(new Blob([message.runtime.module], { type: "text/javascript" }))
        };
        self.ort.env.logLevel = "error";
        runtimeReady = true;
      }
      if (!runtimeReady) throw new Error("the runtime is missing");
      if (fullReady) await fullReady.catch(function () {});
      if (scoresOnly) await scoresOnly.release();
      if (full) await full.release();
      scoresOnly = full = fullReady = picture = null;
      card = message.model.card;
      var weights = await unpacked(message.model.weights), graph = await unpacked(message.model.graph);
      scoresOnly = await session(await unpacked(message.model.forward), weights);
      tell("ready", {});
      fullReady = session(graph, weights).then(function (made) { full = made; });
      fullReady.catch(function () {}); // it is told by the run that waits for it
    }

    function session(graph, weights) {
      return self.ort.InferenceSession.create(graph, {
        executionProviders: ["wasm"],
        graphOptimizationLevel: "all",
        externalData: [{ path: "weights", data: weights }],
        logSeverityLevel: 3
      });
    }

    /* --- pictures, resized as Pillow does it --- */

    function bilinear(x) {
      x = Math.abs(x);
      return x < 1 ? 1 - x : 0;
    }

    function bicubic(x) {
      var a = -0.5;
      x = Math.abs(x);
      if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
    }

    /* For each place of the result: where its window begins, and the weights in it. */
    function windows(from, to, name) {
      var filter = name === "bicubic" ? bicubic : bilinear, reach = name === "bicubic" ? 2 : 1;
      var scale = from / to, wide = Math.max(1, scale), support = reach * wide, made = [];
      for (var place = 0; place < to; place++) {
        var centre = (place + 0.5) * scale;
        var first = Math.max(0, Math.trunc(centre - support + 0.5));
        var last = Math.min(from, Math.trunc(centre + support + 0.5)), weights = [], sum = 0;
        for (var x = first; x < last; x++) {
          weights.push(filter((x - centre + 0.5) / wide));
          sum += weights[weights.length - 1];
        }
        made.push({ first: first, weights: weights.map(function (weight) { return weight / sum; }) });
      }
      return made;
    }

    function byte(value) {
      return value < 0 ? 0 : value > 255 ? 255 : Math.floor(value + 0.5);
    }

    function same(value) {
      return value;
    }

    /* Rows of `channels` interleaved values become rows of another width. */
    function along(rows, source, width, channels, across, to, target, offset, round) {
      for (var y = 0; y < rows; y++) {
        for (var x = 0; x < to; x++) {
          var part = across[x], weights = part.weights, base = (y * width + part.first) * channels;
          for (var c = 0; c < channels; c++) {
            var sum = 0;
            for (var k = 0; k < weights.length; k++) sum += source[base + k * channels + c] * weights[k];
            target[offset + (y * to + x) * channels + c] = round(sum);
          }
        }
      }
    }

    function down(source, width, channels, places, target, round) {
      for (var y = 0; y < places.length; y++) {
        var part = places[y], weights = part.weights, length = width * channels;
        for (var i = 0; i < length; i++) {
          var sum = 0;
          for (var k = 0; k < weights.length; k++) sum += source[(part.first + k) * length + i] * weights[k];
          target[y * length + i] = round(sum);
        }
      }
    }

    /* Resize `source` (h, w, channels); `kind` is the array's class. */
    function resized(source, width, height, channels, toWidth, toHeight, name, kind) {
      var round = kind === Float32Array ? same : byte;
      var half = new kind(toWidth * height * channels), made = new kind(toWidth * toHeight * channels);
      along(height, source, width, channels, windows(width, toWidth, name), toWidth, half, 0, round);
      down(half, toWidth, channels, windows(height, toHeight, name), made, round);
      return made;
    }

    function even(value) {
      var low = Math.floor(value), rest = value - low;
      return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
    }

    /* Size of the picture as it lies under the crop, and where the crop is at first. */
    function fit(width, height) {
      var input = card.input, wide = input.size[2], high = input.size[1], size;
      if (input.fit === "pad") {
        var scale = Math.min(wide / width, high / height);
        size = [Math.max(1, even(width * scale)), Math.max(1, even(height * scale))];
        return { size: size, left: -Math.floor((wide - size[0]) / 2), top: -Math.floor((high - size[1]) / 2) };
      }
      var shorter = input.resize || Math.max(high, wide);
      var longer = Math.trunc(shorter * Math.max(width, height) / Math.min(width, height));
      size = width <= height ? [shorter, longer] : [longer, shorter];
      return { size: size, left: even((size[0] - wide) / 2), top: even((size[1] - high) / 2) };
    }

    /* Read a picture band by band, so that a large one needs no more memory than a small one. */
    async function open(message) {
      var bitmap, input = card.input, ground = input.background;
      try {
        bitmap = await createImageBitmap(message.file, { imageOrientation: "from-image", premultiplyAlpha: "none" });
      } catch (error) {
        throw new Error("This file holds no picture that the browser can read.");
      }
      var width = bitmap.width, height = bitmap.height, where = fit(width, height), to = where.size[0];
      if (where.size[0] * where.size[1] > 4 * AT_ONCE) throw new Error("The sides of this picture are too unequal.");
      var rows = Math.max(1, Math.min(height, Math.floor(AT_ONCE / width)));
      var canvas = new OffscreenCanvas(width, rows), pen = canvas.getContext("2d", { willReadFrequently: true });
      var across = windows(width, to, input.interpolation), half = new Uint8Array(to * height * 3);
      for (var top = 0; top < height; top += rows) {
        var count = Math.min(rows, height - top);
        pen.clearRect(0, 0, width, rows);
        pen.drawImage(bitmap, 0, -top);
        var seen = pen.getImageData(0, 0, width, count).data, plain = new Uint8Array(width * count * 3);
        for (var i = 0, j = 0; i < seen.length; i += 4, j += 3) {
          for (var c = 0; c < 3; c++) {
            plain[j + c] = Math.round((seen[i + c] * seen[i + 3] + ground[c] * (255 - seen[i + 3])) / 255);
          }
        }
        along(count, plain, width, 3, across, to, half, to * top * 3, byte);
        await breath();
      }
      bitmap.close();
      var pixels = new Uint8Array(to * where.size[1] * 3);
      down(half, to, 3, windows(height, where.size[1], input.interpolation), pixels, byte);
      picture = { width: to, height: where.size[1], pixels: pixels, source: [width, height] };
      var copy = pixels.slice();
      tell("picture", { width: to, height: where.size[1], pixels: copy, left: where.left, top: where.top,
        source: [width, height] }, [copy.buffer]);
    }

    /* The crop as the network gets it: 8-bit colours (h, w, 3), and the numbers (C, h, w). */
    function crop(left, top) {
      var input = card.input, channels = input.size[0], high = input.size[1], wide = input.size[2];
      var colours = new Uint8Array(wide * high * 3), x = new Float32Array(channels * high * wide);
      for (var row = 0; row < high; row++) {
        for (var column = 0; column < wide; column++) {
          var place = row * wide + column, r = row + top, c = column + left;
          var inside = r >= 0 && r < picture.height && c >= 0 && c < picture.width;
          for (var k = 0; k < 3; k++) {
            colours[place * 3 + k] = inside ? picture.pixels[(r * picture.width + c) * 3 + k] : input.background[k];
          }
          if (channels === 1) {
            var grey = colours[place * 3] * 19595 + colours[place * 3 + 1] * 38470 + colours[place * 3 + 2] * 7471;
            colours.fill((grey + 0x8000) >> 16, place * 3, place * 3 + 3);
          }
          for (var channel = 0; channel < channels; channel++) {
            var value = Math.fround(colours[place * 3 + channel] / 255);
            x[channel * high * wide + place] = (value - input.mean[channel]) / input.std[channel];
          }
        }
      }
      return { colours: colours, x: x };
    }

    /* --- passes --- */

    function breath() {
      return new Promise(function (go) { setTimeout(go, 0); });
    }

    function tensor(values, shape) {
      return new self.ort.Tensor("float32", values, shape);
    }

    function shape() {
      return [1].concat(card.input.size);
    }

    async function scoresOf(x) {
      var made = await scoresOnly.run({ x: tensor(x, shape()) }), scores = made.scores.data.slice();
      made.scores.dispose();
      return scores;
    }

    async function passes(x, target, wanted) {
      var direction = new Float32Array(card.classes.length), values = {};
      direction[target] = 1;
      await fullReady;
      var made = await full.run({ x: tensor(x, shape()), direction: tensor(direction, [1, direction.length]) }, wanted);
      wanted.forEach(function (name) {
        values[name] = { values: made[name].data.slice(), shape: made[name].dims.slice(1) };
        made[name].dispose();
      });
      return values;
    }

    function probabilities(scores) {
      if (card.kind !== "classes") return Array.from(scores, function (score) { return 1 / (1 + Math.exp(-score)); });
      var most = Math.max.apply(null, scores), sum = 0;
      var powers = Array.from(scores, function (score) { return Math.exp(score - most); });
      powers.forEach(function (power) { sum += power; });
      return powers.map(function (power) { return power / sum; });
    }

    async function run(message) {
      var id = message.id, seen = crop(message.left, message.top), x = seen.x;
      function over() { return id !== current; }
      var scores = await scoresOf(x), chances = probabilities(scores);
      if (over()) return;
      var order = chances.map(function (_, index) { return index; })
        .sort(function (a, b) { return chances[b] - chances[a] || scores[b] - scores[a]; });
      var target = message.target >= 0 ? message.target : order[0];
      var high = card.input.size[1], wide = card.input.size[2], times = enlargement();
      tell("answer", { id: id, scores: scores, probabilities: chances, order: order.slice(0, 5), target: target,
        input: x.slice(), colours: seen.colours, left: message.left, top: message.top,
        photo: resized(seen.colours, wide, high, 3, wide * times, high * times, "bicubic", Uint8Array) });
      await breath();
      await fullReady;
      if (over()) return;
      var names = ["input_gradient", "layer_gradient"].concat(card.layers.map(function (_, i) { return "layer_" + i; }));
      var values = await passes(x, target, names);
      if (over()) return;
      maps(id, x, values);
      for (var number = 0; number < card.layers.length && !over(); number++) {
        var layer = values["layer_" + number];
        tell("layer", Object.assign({ id: id, number: number }, sprite(layer)));
        values["layer_" + number] = null;
        await breath();
      }
      values = null;
      if (!over() && message.slow) await smoothGrad(id, x, target, over);
      if (!over() && message.slow) await occlusion(id, x, target, scores[target], over);
      if (!over()) tell("done", { id: id });
    }

    /* --- maps --- */

    function show(id, method, values, size, done, of) {
      tell("map", { id: id, method: method, values: values, size: size, done: done || 1, of: of || 1 });
    }

    function enlargement() {
      return Math.max(1, Math.ceil(SMALLEST / Math.max(card.input.size[1], card.input.size[2])));
    }

    /* A class activation map, and how strong it is at each pixel of the photo. */
    function showOverlay(id, method, values, shape) {
      var limit = Math.max.apply(null, values), times = enlargement();
      var unit = values.map(function (value) { return limit ? Math.min(1, Math.max(0, value / limit)) : 0; });
      var level = resized(unit, shape[2], shape[1], 1, card.input.size[2] * times, card.input.size[1] * times,
        "bilinear", Float32Array);
      tell("map", { id: id, method: method, values: values, size: [1, shape[1], shape[2]], level: level,
        done: 1, of: 1 });
    }

    function summed(values, planes, change) {
      var area = values.length / planes, made = new Float32Array(area);
      for (var c = 0; c < planes; c++) {
        for (var i = 0; i < area; i++) made[i] += change(values[c * area + i], c * area + i);
      }
      return made;
    }

    function maps(id, x, values) {
      var gradient = values.input_gradient.values, size = card.input.size;
      var at = values.layer_gradient, maps = values["layer_" + card.layers.indexOf(card.default_layer)];
      if (maps) {
        var area = at.shape[1] * at.shape[2], cam = new Float32Array(area);
        for (var k = 0; k < at.shape[0]; k++) {
          var weight = 0;
          for (var i = 0; i < area; i++) weight += at.values[k * area + i];
          weight /= area;
          for (i = 0; i < area; i++) cam[i] += weight * maps.values[k * area + i];
        }
        cam = cam.map(function (value) { return Math.max(0, value); });
        if (card.class_map) showOverlay(id, "class-map", cam.map(function (value) { return value * area; }), at.shape);
        showOverlay(id, "region", cam, at.shape);
      }
      show(id, "direction", gradient, size);
      show(id, "strength", summed(gradient, size[0], Math.abs), [1, size[1], size[2]]);
      show(id, "linear", summed(gradient, size[0], function (value, i) { return value * x[i]; }),
        [1, size[1], size[2]]);
    }

    /* Numbers that look random and are the same for each picture (mulberry32), as normal noise. */
    function noise(seed) {
      function uniform() {
        seed = (seed + 0x6d2b79f5) | 0;
        var t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
      }
      return function () {
        return Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
      };
    }

    async function smoothGrad(id, x, target, over) {
      var copies = 50, low = Infinity, high = -Infinity, mean = new Float32Array(x.length), normal = noise(0);
      for (var i = 0; i < x.length; i++) {
        low = Math.min(low, x[i]);
        high = Math.max(high, x[i]);
      }
      for (var count = 1; count <= copies; count++) {
        var sample = x.map(function (value) { return value + 0.15 * (high - low) * normal(); });
        var gradient = (await passes(sample, target, ["input_gradient"])).input_gradient.values;
        if (over()) return;
        for (i = 0; i < mean.length; i++) mean[i] += (gradient[i] - mean[i]) / count;
        show(id, "smoothed", mean.slice(), card.input.size, count, copies);
        await breath();
      }
    }

    function starts(length, window, stride) {
      var made = [], last = Math.ceil(Math.max(0, length - window) / stride) * stride;
      for (var place = 0; place <= last; place += stride) made.push(place);
      return made;
    }

    async function occlusion(id, x, target, score, over) {
      var channels = card.input.size[0], high = card.input.size[1], wide = card.input.size[2];
      var window = Math.max(1, Math.floor(Math.min(high, wide) / 4)), stride = Math.max(1, Math.floor(window / 2));
      var total = new Float32Array(high * wide), counts = new Float32Array(high * wide), corners = [], done = 0;
      starts(high, window, stride).forEach(function (top) {
        starts(wide, window, stride).forEach(function (left) { corners.push([top, left]); });
      });
      for (var corner of corners) {
        var sample = x.slice(), bottom = Math.min(high, corner[0] + window), right = Math.min(wide, corner[1] + window);
        for (var c = 0; c < channels; c++) {
          for (var row = corner[0]; row < bottom; row++) {
            sample.fill(0, (c * high + row) * wide + corner[1], (c * high + row) * wide + right);
          }
        }
        var fall = score - (await scoresOf(sample))[target];
        if (over()) return;
        for (row = corner[0]; row < bottom; row++) {
          for (var column = corner[1]; column < right; column++) {
            total[row * wide + column] += fall;
            counts[row * wide + column] += 1;
          }
        }
        done += 1;
        show(id, "covered", total.map(function (sum, i) { return sum / Math.max(1, counts[i]); }), [1, high, wide],
          done, corners.length);
        await breath();
      }
    }

    /* --- channels, as the gallery keeps them --- */

    function sprite(layer) {
      var values = layer.values, shape = layer.shape, count = shape[0], high = shape[1] || 1, wide = shape[2] || 1;
      var area = high * wide, low = Infinity, most = -Infinity, stats = [];
      for (var k = 0; k < count; k++) {
        var max = -Infinity, sum = 0, zeros = 0;
        for (var i = k * area; i < (k + 1) * area; i++) {
          var value = values[i];
          if (value < low) low = value;
          if (value > max) max = value;
          if (value === 0) zeros += 1;
          sum += value;
        }
        if (max > most) most = max;
        stats.push([max, sum / area, zeros / area]);
      }
      var signed = low < 0, limit = percentile(values, signed) || Math.max(-low, most) || 0;
      var side = Math.max(1, Math.min(TILE, Math.floor(Math.sqrt(ROOM / count)) - 1));
      var factor = Math.max(high, wide) / side, toHigh = high, toWide = wide;
      if (factor > 1) {
        toHigh = Math.max(1, even(high / factor));
        toWide = Math.max(1, even(wide / factor));
        values = averaged(values, count, high, wide, toHigh, toWide);
      }
      var codes = new Uint8Array(values.length), top = signed ? 127 : 254;
      for (i = 0; i < codes.length; i++) {
        var code = even(values[i] / (limit || 1) * top);
        codes[i] = signed ? 128 + Math.max(-127, Math.min(127, code)) : Math.max(0, Math.min(254, code));
      }
      return { codes: codes, shape: [count, toHigh, toWide], of: shape, signed: signed, limit: limit, stats: stats };
    }

    /* The smallest value that at least 99.8 % of them do not exceed. */
    function percentile(values, signed) {
      var sizes = Float32Array.from(values);
      if (signed) for (var i = 0; i < sizes.length; i++) sizes[i] = Math.abs(sizes[i]);
      sizes.sort();
      return sizes[sizes.length - 1 - (sizes.length - Math.ceil(sizes.length * 0.998))];
    }

    function averaged(values, count, high, wide, toHigh, toWide) {
      var made = new Float32Array(count * toHigh * toWide);
      for (var k = 0; k < count; k++) {
        for (var y = 0; y < toHigh; y++) {
          var top = Math.floor(y * high / toHigh), bottom = Math.ceil((y + 1) * high / toHigh);
          for (var x = 0; x < toWide; x++) {
            var left = Math.floor(x * wide / toWide), right = Math.ceil((x + 1) * wide / toWide), sum = 0;
            for (var row = top; row < bottom; row++) {
              for (var column = left; column < right; column++) sum += values[(k * high + row) * wide + column];
            }
            made[(k * toHigh + y) * toWide + x] = sum / ((bottom - top) * (right - left));
          }
        }
      }
      return made;
    }

    /* --- what the page asks for, one thing after the other; a newer run ends an older one --- */

    var doing = { load: load, picture: open, run: run }, queue = Promise.resolve();

    self.onmessage = function (event) {
      var message = event.data;
      current = message.id;
      queue = queue.then(function () { return doing[message.kind](message); }).catch(function (error) {
        tell("error", { during: message.kind, text: String(error && error.message || error) });
      });
    };
  }

  window.innerviewLiveWorker = work;
})();
