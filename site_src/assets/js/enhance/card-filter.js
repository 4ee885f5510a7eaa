/* Buttons and a field that narrow a hub's cards; the address keeps the choice (#show=wrong&find=cat), also from a file.
   What there is to narrow comes as data: all images of all pages of the hub, whose cards are made where they are shown. */
(function () {
  "use strict";
  var address = window.innerview.address, element = window.innerview.element;
  var GROUPS = { show: "Prediction", class: "Predicted class", confidence: "Confidence", set: "Set" };
  var KEYS = ["find"].concat(Object.keys(GROUPS));
  var CONFIDENCES = ["at least 90 %", "50 to 90 %", "below 50 %"], MANY = 6; // values from which on a list is shorter than buttons
  var FEW = 12; // cards that need no field for text
  var ID = 0, TITLE = 1, THUMB = 2, WIDTH = 3, HEIGHT = 4, FACETS = 5, ANSWERS = 6; // what is known of an image, and
  var MODEL = 0, STATE = 1, PREDICTED = 2, PERCENT = 3, LABEL = 4; // of an answer: generator/site/pages/index_pages.py

  window.innerview.enliven("[data-filter]", function (list, signal) {
    if (list.dataset.filter) window.innerview.need("images", list.dataset.filter, function (data) { if (!signal.aborted) start(list, data, signal); });
  });

  function start(list, data, signal) {
    var root = list.dataset.root, first = Number(list.dataset.first), numbers = document.querySelector(".page-numbers");
    var own = Array.prototype.slice.call(list.children), made = [], most = data.page, state = { find: "" };
    var bar = element("div", "filter"), count = element("output"), more = element("button", "button cards__more");
    var field = element("input", "field"), buttons = [], lists = [], offered = facets();

    /* The values of each group that do not fit all images. */
    function facets() {
      var seen = data.facets.map(function () { return 0; });
      data.images.forEach(function (image) { image[FACETS].forEach(function (facet) { seen[facet] += 1; }); });
      return data.facets.filter(function (facet, at) { return seen[at] < data.images.length; });
    }

    /* What a card says, as people type it. */
    function words(image) {
      var predicted = image[ANSWERS].map(function (answer) {
        var label = answer[LABEL] < 0 ? "" : "label: " + data.names[answer[LABEL]], model = data.models.length > 1 ? data.models[answer[MODEL]][1] : "";
        return [data.names[answer[PREDICTED]], answer[PERCENT], label, model].filter(Boolean).join(" ");
      });
      return [image[TITLE]].concat(predicted).join(" ").replace(/\xa0/g, " ").toLowerCase();
    }

    /* The places of the images that fit the choice, among all. */
    function fitting() {
      var sought = state.find.replace(/\xa0/g, " ").toLowerCase();
      var asked = Object.keys(GROUPS).filter(function (group) { return state[group]; }).map(function (group) {
        return data.facets.indexOf(group + "=" + state[group]);
      });
      return data.images.map(function (image, place) { return place; }).filter(function (place) {
        var image = data.images[place];
        return asked.every(function (facet) { return image[FACETS].indexOf(facet) >= 0; }) && (!sought || words(image).indexOf(sought) >= 0);
      });
    }

    function link(href, className) {
      var made = element("a", className);
      made.href = root + href;
      return made;
    }

    /* The card of an image of another page, as templates/pages/images.md writes it. */
    function card(image) {
      var item = element("li", "card"), heading = element("h2"), answers = element("ul", "card__answers"), picture = element("img"), title, framed;
      var href = image[ANSWERS].length === 1 ? report(image, image[ANSWERS][0]) : image[ID] + ".html";
      framed = link(href, "card__picture");
      framed.tabIndex = -1;
      framed.setAttribute("aria-hidden", "true");
      Object.assign(picture, { loading: "lazy", decoding: "async", width: image[WIDTH], height: image[HEIGHT], alt: "", src: root + image[THUMB] });
      framed.append(picture);
      title = link(href);
      title.append(element("bdi", "", image[TITLE]));
      heading.append(title);
      image[ANSWERS].forEach(function (answer) {
        var line = element("li"), there = link(report(image, answer)), verdict = element("span", "verdict verdict--" + data.states[answer[STATE]]), label;
        verdict.append(element("bdi", "", data.names[answer[PREDICTED]]), " ", element("span", "", answer[PERCENT]));
        if (answer[LABEL] >= 0) {
          label = element("em", "", "label: ");
          label.append(element("bdi", "", data.names[answer[LABEL]]));
          verdict.append(" ", label);
        }
        there.append(verdict);
        if (data.models.length > 1) there.append(" ", element("bdi", "card__model", data.models[answer[MODEL]][1]));
        line.append(there);
        answers.append(line);
      });
      item.append(framed, heading, answers);
      return item;
    }

    function report(image, answer) {
      return "../" + data.models[answer[MODEL]][0] + "/" + image[ID] + "/index.html";
    }

    /* Without a choice the page is as it came; with one the images that fit are shown, `most` of them at first. */
    function apply() {
      var chosen = KEYS.some(function (key) { return state[key]; }), left = chosen ? fitting() : [], shown = {};
      left.slice(0, most).forEach(function (place) { shown[place] = true; });
      made.forEach(function (item) { item.remove(); });
      made = [];
      Object.keys(shown).map(Number).forEach(function (place) {
        var item;
        if (own[place - first]) return;
        item = card(data.images[place]);
        list.insertBefore(item, place < first ? own[0] : null);
        made.push(item);
      });
      own.forEach(function (item, at) { item.hidden = chosen && !shown[first + at]; });
      if (numbers) numbers.hidden = chosen;
      more.hidden = left.length <= most;
      buttons.forEach(function (button) {
        button.setAttribute("aria-pressed", String(button.value === (state[button.name] || "")));
      });
      lists.forEach(function (choices) { choices.value = state[choices.name] || ""; });
      field.value = state.find;
      count.textContent = !chosen || left.length === data.images.length ? "" : left.length + " of " + data.images.length;
    }

    function read() {
      KEYS.forEach(function (key) { state[key] = address.get(key) || ""; });
      most = data.page;
      apply();
    }

    function write() {
      address.set(state, read);
      most = data.page;
      apply();
    }

    function button(group, value, place) {
      var made = element("button", "", value || "all");
      made.type = "button";
      made.name = group;
      made.value = value;
      made.addEventListener("click", function () { state[group] = value; write(); });
      buttons.push(made);
      place.append(made);
    }

    /* The values of a group in a list, where there are many. */
    function choice(group, values, place) {
      var label = element("label"), choices = element("select", "field");
      choices.name = group;
      [""].concat(values).forEach(function (value) {
        var option = element("option", "", value || "all");
        option.value = value;
        choices.append(option);
      });
      choices.addEventListener("change", function () { state[group] = choices.value; write(); });
      label.append(GROUPS[group] + " ", choices);
      lists.push(choices);
      place.append(label);
    }

    /* The values that a group offers: confidences from the highest down, classes by name. */
    function valuesOf(group) {
      var values = offered.filter(function (facet) { return facet.indexOf(group + "=") === 0; }).map(function (facet) { return facet.slice(group.length + 1); });
      if (group === "confidence") return CONFIDENCES.filter(function (value) { return values.indexOf(value) >= 0; });
      return group === "class" ? values.sort() : values;
    }

    if (offered.length < 2 && data.images.length <= FEW) return;
    Object.keys(GROUPS).forEach(function (group) {
      var values = valuesOf(group);
      var place = element("div", "filter__group");
      if (!values.length) return;
      bar.append(place);
      if (values.length > MANY) return choice(group, values, place);
      place.setAttribute("role", "group");
      place.setAttribute("aria-label", GROUPS[group]);
      place.append(GROUPS[group] + " ", element("span", "segmented"));
      button(group, "", place.lastChild);
      values.forEach(function (value) { button(group, value, place.lastChild); });
    });
    if (data.images.length > FEW) {
      field.type = "search";
      field.placeholder = "Filter";
      field.setAttribute("aria-label", "Filter by text");
      field.addEventListener("input", function () { state.find = field.value; write(); });
      bar.append(field);
    }
    bar.append(count);
    more.type = "button";
    more.textContent = "Show more";
    more.addEventListener("click", function () {
      var before = most, cards;
      most += data.page;
      apply();
      cards = list.querySelectorAll(".card:not([hidden]) h2 a");
      cards[before].focus();
    });
    list.before(bar);
    list.after(more);
    signal.addEventListener("abort", address.keep(KEYS, read));
    signal.addEventListener("abort", function () {
      made.concat(bar, more).forEach(function (item) { item.remove(); });
      own.forEach(function (item) { item.hidden = false; });
      if (numbers) numbers.hidden = false;
    });
    read();
  }
})();
