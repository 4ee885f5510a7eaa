/* One channel of a layer as a place of its own, where the address names it (#c17): its dataset examples, its map for an
   image of one's choice, its visualisations, histogram and near-duplicates, and the classes whose score it raises. What
   stands elsewhere on the page, and the scripts with the numbers, are all it knows. Without it the page is complete. */
(function () {
  "use strict";
  var element = window.innerview.element, plain = window.innerview.number, address = window.innerview.address, sprite = window.innerview.sprite;
  var ALIKE = 0.95, MOST = 6; // the correlation of near-duplicates; visualisations shown
  var PATCH = 88, MAP = 208, SMALL = 72; // screen pixels

  /* A part of a sprite's tile as the background of a box, `width` screen pixels wide. */
  function piece(box, grid, source, place, part, width) {
    var scale = width / part.width, at = sprite.corner(grid, place), size = sprite.sizeOf(grid);
    box.style.width = width + "px";
    box.style.height = part.height * scale + "px";
    box.style.backgroundImage = 'url("' + source + '")';
    box.style.backgroundSize = size.width * scale + "px " + size.height * scale + "px";
    box.style.backgroundPosition = -(at.x + part.x) * scale + "px " + -(at.y + part.y) * scale + "px";
    return box;
  }

  function pictured(words, zeroWhite) {
    var box = element("span", "unit__tile" + (zeroWhite ? " unit__tile--zero-white" : ""));
    box.setAttribute("role", "img");
    box.setAttribute("aria-label", words);
    return box;
  }

  function linked(href, content) {
    var link = element("a");
    link.href = href;
    link.append(content);
    return link;
  }

  function list(pairs) {
    var made = element("dl", "unit__numbers");
    pairs.forEach(function (pair) {
      if (pair[1] === undefined || pair[1] === "") return;
      made.append(element("dt", "", pair[0]), element("dd", "", pair[1]));
    });
    return made;
  }

  function share(thousandths) {
    return thousandths / 10 + "\u00a0%";
  }

  class Unit extends HTMLElement {
    connectedCallback() {
      var self = this, signal;
      this.table = document.querySelector("[data-channel-table]");
      this.layer = document.querySelector("[data-layer]");
      this.grid = this.layer && sprite.grid(this.layer.dataset.layer);
      this.count = Number(this.dataset.channels);
      this.word = this.layer ? this.layer.dataset.unit : "channel";
      this.images = this.layer ? Array.prototype.slice.call(this.layer.querySelectorAll("[data-image]")) : [];
      if (!this.count) return;
      this.ended = new AbortController();
      signal = { signal: this.ended.signal };
      this.build(signal);
      this.release = address.keep(["c"], function () { self.show(); });
      window.addEventListener("hashchange", function () {
        var place = address.parse(location.hash) ? null : document.getElementById(location.hash.slice(1));
        if (!place) return self.reveal();
        if (self.folded && self.folded.sections.some(function (section) { return section.contains(place); })) self.unfold();
        place.scrollIntoView();
      }, signal);
      document.addEventListener("click", function (event) {
        var link = event.target.closest && event.target.closest("[data-channel-table] th a");
        if (link && event.detail) self.reveal(); // who came by the keyboard stays in the table
      }, signal);
      this.show();
      this.fold();
      this.reveal();
    }

    disconnectedCallback() {
      if (!this.ended) return;
      this.unfold();
      this.ended.abort();
      this.release();
      this.forget();
      this.opener.remove();
      this.textContent = "";
      this.hidden = true;
    }

    /* The parts that stay while the channel changes, so that whoever has the keyboard on a button keeps it. */
    build(signal) {
      var self = this, bar = element("div", "unit__bar"), moves = element("div", "unit__moves");
      this.heading = element("h2", "unit__title");
      this.heading.id = "unit";
      this.heading.tabIndex = -1;
      this.setAttribute("role", "region");
      this.setAttribute("aria-labelledby", "unit");
      [
        ["Previous", function (c) { return (c + self.count - 1) % self.count; }],
        ["Next", function (c) { return (c + 1) % self.count; }],
        ["Random", function (c) { return (c + 1 + Math.floor(Math.random() * (self.count - 1))) % self.count; }]
      ].forEach(function (move) {
        var button = element("button", "button unit__move--" + move[0].toLowerCase(), move[0]);
        button.type = "button";
        button.append(element("span", "visually-hidden", " " + self.word));
        button.addEventListener("click", function () { self.go(move[1](self.channel)); }, signal);
        moves.append(button);
      });
      var close = element("button", "button", "Close");
      close.type = "button";
      close.append(element("span", "visually-hidden", " " + this.word));
      close.addEventListener("click", function () { self.go(null); }, signal);
      moves.append(close);
      moves.addEventListener("keydown", function (event) {
        var step = { ArrowLeft: self.count - 1, ArrowRight: 1 }[event.key];
        if (!step) return;
        event.preventDefault();
        self.go((self.channel + step) % self.count);
      }, signal);
      this.forget = window.innerview.keys.list("One " + this.word + ", while its buttons have the keyboard", [["← →", "Previous or next " + this.word]]);
      this.status = element("p", "visually-hidden");
      this.status.setAttribute("role", "status");
      this.body = element("div", "unit__parts");
      bar.append(this.heading, moves);
      this.append(bar, this.status, this.body);
      this.opener = element("button", "button", "Open this " + this.word);
      this.opener.type = "button";
      this.opener.addEventListener("click", function () {
        self.opened = true;
        self.go(self.layer.querySelector("#channel").value);
        self.show();
        self.reveal();
        self.heading.focus({ preventScroll: true });
      }, signal);
      if (this.layer && this.layer.querySelector(".channels__bar")) this.layer.querySelector(".channels__bar").append(this.opener);
      this.choice = element("select", "field");
      this.images.forEach(function (article) {
        var option = element("option", "", article.querySelector("h3").textContent);
        option.value = article.dataset.image;
        self.choice.append(option);
      });
      this.choice.addEventListener("change", function () {
        self.picked = true;
        self.mapOf();
      }, signal);
      this.map = element("div", "unit__map");
    }

    go(channel) {
      address.set({ c: channel });
    }

    /* Who came for one channel finds the rest of the layer folded behind it, a table and a sprite for each image, and
       opens it with a button; who came for a view of all images finds that. */
    fold() {
      var self = this, sections, line, button;
      sections = [this.table, this.layer].filter(Boolean);
      if (this.hidden || !sections.length || address.get("strongest") || address.get("own")) return;
      line = element("p", "unit__rest");
      button = element("button", "button", "Show the whole layer");
      button.type = "button";
      button.addEventListener("click", function () {
        self.unfold();
        sections[0].querySelector("h2").scrollIntoView();
        sections[0].querySelector("a, button, input, [tabindex]").focus({ preventScroll: true });
      });
      line.append(button, element("span", "caption", " All " + this.count + " " + this.word + "s" + (this.images.length > 1 ? ", and their maps in " + this.images.length + " images" : "")));
      sections.forEach(function (section) { section.hidden = true; });
      this.append(line);
      this.folded = { sections: sections, line: line };
    }

    unfold() {
      if (!this.folded) return;
      this.folded.sections.forEach(function (section) { section.hidden = false; });
      this.folded.line.remove();
      this.folded = null;
      window.dispatchEvent(new Event("resize")); // outlines in sprites are laid where these are shown
    }

    /* Bring it into view for those who came by a link. */
    reveal() {
      var self = this;
      if (this.hidden) return;
      requestAnimationFrame(function () { self.scrollIntoView({ block: "start" }); });
    }

    show() {
      var c = address.get("c") === undefined ? -1 : Number(address.get("c")), names = window.innerview.data.names || [];
      var browsing = this.layer && this.layer.contains(document.activeElement);
      if (this.hidden && browsing && !this.opened) return; // the slider below is moved: nothing opens above it and shifts it
      this.hidden = !(c >= 0 && c < this.count);
      this.opened = !this.hidden;
      if (this.hidden) return this.unfold();
      if (!this.picked) this.choice.value = this.strongest(c);
      this.channel = c;
      this.heading.textContent = this.word.charAt(0).toUpperCase() + this.word.slice(1) + " " + c + (names[c] ? ": " + names[c] : "");
      this.heading.append(element("small", "", " of " + this.count + ", from 0"));
      this.data = window.innerview.data["channel-table"];
      if (this.table && !this.data) this.ask();
      this.fill();
      this.status.textContent = this.heading.textContent;
    }

    /* The numbers of all channels come as a script, which the table asks for as well once it is near. */
    ask() {
      var self = this;
      window.innerview.need("channel-table", this.table.dataset.channelTable, function () {
        if (!self.data && self.isConnected) self.show();
      });
    }

    fill() {
      var parts = [this.examples(), this.ofImage(), this.visualisations(), this.values(), this.classes(), this.alike()];
      this.body.replaceChildren.apply(this.body, parts.filter(Boolean));
      this.body.append(element("p", "caption unit__note", this.table ? "" : this.dataset.unmeasured));
    }

    part(title, name) {
      var made = element("section", "unit__part unit__part--" + name);
      made.append(element("h3", "", title));
      return made;
    }

    /* --- what excites it --- */

    examples() {
      var data = this.data, c = this.channel, set = this.table ? this.table.dataset : {}, board = sprite.grid(set.cells);
      var place = board ? sprite.placeOf(board, c) : -1, made, row, strip, reports, keys;
      if (!data || place < 0) return null;
      made = this.part("Dataset examples", "examples");
      row = element("ol", "unit__examples");
      strip = set.strip.split(" ").map(Number);
      reports = JSON.parse(set.reports);
      keys = Object.keys(reports);
      data.top[c].forEach(function (value, rank) {
        if (value === null || value === 0 && data.zeros[c]) return; // nothing there, and nothing is drawn
        var item = element("li"), key = keys[data.image[c][rank]], side = strip[1], content = element("span", "unit__example");
        for (var line = 0; line < strip[2]; line++) {
          content.append(piece(pictured(line ? "The whole image, with a frame around the receptive field" : "What the channel sees of example " + (rank + 1)), board, set.patches, place,
            { x: rank * (side + 1), y: line * (side + 1), width: side, height: side }, PATCH));
        }
        item.append(key ? linked(reports[key], content) : content, element("small", "", (key ? key + ", " : "") + plain(value)));
        row.append(item);
      });
      made.append(element("p", "caption", row.children.length ? "The images with its largest values, strongest first: the patch in its receptive field" +
        (strip[2] > 1 ? ", and below it the whole image with that field framed." : ".") : "No image activates this " + this.word + "."), row);
      return made;
    }

    /* --- one image --- */

    ofImage() {
      var made, label;
      if (!this.grid || !this.images.length) return null;
      made = this.part("Map of an image", "map");
      label = element("label", "unit__of", "Image ");
      label.append(this.choice);
      made.append(label, this.map);
      this.mapOf();
      return made;
    }

    /* The image with the channel's largest value, until somebody chooses one. */
    strongest(c) {
      var numbers = window.innerview.data.layer || {}, best = null;
      this.images.forEach(function (article) {
        var key = article.dataset.image;
        if (numbers[key] && (best === null || numbers[key].max[c] > numbers[best].max[c])) best = key;
      });
      return best || this.images[0] && this.images[0].dataset.image;
    }

    mapOf() {
      var key = this.choice.value, article = this.images.filter(function (one) { return one.dataset.image === key; })[0];
      var picture = article.querySelector(".picture"), image = picture.querySelector("img"), place = sprite.placeOf(this.grid, this.channel);
      var photo = article.querySelector(".layer__thumb"), shown = element("div", "unit__pair"), numbers = (window.innerview.data.layer || {})[key], c = this.channel;
      var title = article.querySelector("h3").textContent, copy, box;
      copy = element("img", "unit__photo");
      copy.src = photo.getAttribute("src");
      copy.alt = title;
      copy.width = copy.height = MAP;
      shown.append(copy);
      if (place >= 0) {
        box = pictured(this.word + " " + c + " of " + title, picture.matches(".picture--zero-white"));
        sprite.cut(box, this.grid, image.getAttribute("src"), place, this.grid.width * this.grid.height === 1 ? SMALL : MAP);
        shown.append(linked(picture.getAttribute("href") + "#c" + c, box));
      }
      this.map.replaceChildren(shown);
      if (place < 0) this.map.append(element("p", "caption", "The sprites of this layer show other channels alone."));
      if (numbers && this.word === "value") this.map.append(list([["Value", plain(numbers.max[c])]]));
      else if (numbers) this.map.append(list([["Largest", plain(numbers.max[c])], ["Mean", plain(numbers.mean[c])], ["Zeros", share(numbers.zeros[c])]]));
      if (place >= 0) this.map.append(element("p", "caption", "On the scale of this image's figure, all channels alike."));
    }

    /* --- what was made for it --- */

    visualisations() {
      var c = this.channel, made, row, word = this.word, shown;
      if (!this.table) return null;
      shown = JSON.parse(this.table.dataset.more).filter(function (one) { return one.channels.indexOf(c) >= 0; }).slice(0, MOST);
      if (!shown.length) return null;
      made = this.part("Visualisations", "made");
      row = element("ul", "unit__made");
      shown.forEach(function (one) {
        var item = element("li"), grid = sprite.grid(one.cells.join(" ")), words = one.title + (one.of ? ", " + one.of : ""), box = pictured(words + ", " + word + " " + c);
        sprite.cut(box, grid, one.src, one.channels.indexOf(c), shown.length > 1 ? 112 : MAP);
        item.append(linked(one.href, box), element("small", "", words));
        row.append(item);
      });
      made.append(row);
      return made;
    }

    /* --- its values over all images that were measured --- */

    values() {
      var data = this.data, c = this.channel, made, bars, middle, from, box;
      if (!data) return null;
      made = this.part("Values", "values");
      bars = data.bars[c];
      middle = (bars.length - 1) / 2;
      from = /^0+$/.test(bars.slice(0, middle)) ? middle : 0; // one side alone where nothing is negative
      box = element("span", "unit__bars");
      for (var i = from; i < bars.length; i++) {
        var bar = element("i", i === middle ? "unit__zero" : "");
        bar.style.height = Math.round(parseInt(bars[i], 36) / 35 * 100) + "%";
        box.append(bar);
      }
      box.setAttribute("role", "img");
      box.setAttribute("aria-label", "Histogram of values, from " + (from ? "zero" : plain(-data.unit)) + " to " + plain(data.unit));
      var ends = element("p", "unit__ends");
      ends.append(element("span", "", from ? "0" : plain(-data.unit)), element("span", "", plain(data.unit)));
      made.append(box, ends, element("p", "caption", "Two bars for each doubling; heights are logarithms of counts."),
        list([["Largest", plain(data.max[c])], ["Mean", plain(data.mean[c])], ["Zeros", share(data.zeros[c])], ["State", state(data.state[c])]]));
      return made;
    }

    /* --- which scores it raises --- */

    classes() {
      var data = this.data, made, rows, most, raised;
      if (!data) return null;
      made = this.part("Classes it raises most", "classes");
      raised = data.raised ? data.raised[this.channel] : null;
      if (!raised) made.append(element("p", "caption", "Not measured for this layer."));
      else if (!raised.length) made.append(element("p", "caption", "It raises the score of none."));
      else {
        rows = element("ol", "bars");
        most = raised[0][1];
        raised.forEach(function (pair) {
          var item = element("li"), name = element("span", "bars__name"), track = element("span", "bars__track"), bar = element("i"), words = element("bdi", "", data.classes[pair[0]]);
          bar.style.width = 100 * pair[1] / most + "%";
          track.append(bar);
          name.append(data.pages[pair[0]] ? linked(data.pages[pair[0]], words) : words);
          item.append(name, track, element("span", "bars__value", "+" + plain(pair[1])));
          rows.append(item);
        });
        made.append(rows);
      }
      if (raised) made.append(element("p", "caption", data.effect));
      return made;
    }

    /* --- who does the same --- */

    alike() {
      var data = this.data, c = this.channel, self = this, made, others, row, best;
      if (!data) return null;
      made = this.part("Near-duplicates", "alike");
      best = data.partner[c];
      others = data.partner.map(function (partner, channel) { return [channel, data.alike[channel], partner]; })
        .filter(function (one) { return one[2] === c && one[1] > ALIKE && one[0] !== best; });
      if (best >= 0) others.unshift([best, data.alike[c]]);
      if (!others.length) made.append(element("p", "caption", "No correlation was measured: too few values, a " + this.word + " that hardly varies, or a layer that is not compared."));
      else {
        row = element("ul", "unit__alike");
        others.slice(0, MOST).forEach(function (one) {
          var item = element("li"), link = linked("#c" + one[0], self.word + " " + one[0]);
          item.append(link, " correlation " + plain(one[1]) + (one[1] > ALIKE ? "" : ", no near-duplicate"));
          row.append(item);
        });
        made.append(row, element("p", "caption", "Correlation of sampled values over the images measured; above " + ALIKE + " two channels count as near-duplicates."));
      }
      return made;
    }
  }

  function state(letters) {
    var words = [];
    if (letters.indexOf("b") >= 0) words.push("NaN or infinite");
    if (letters.indexOf("d") >= 0) words.push("zero in every image");
    else if (letters.indexOf("c") >= 0) words.push("constant");
    return words.join(", ");
  }

  customElements.define("iv-unit", Unit);
})();
