/* Buttons and a field that narrow a hub's cards; the address keeps the choice (#show=wrong&find=cat), also from a file. */
(function () {
  "use strict";
  var address = window.innerview.address;
  var list = document.querySelector("[data-filter]");
  if (!list) return;
  var cards = Array.prototype.slice.call(list.querySelectorAll("[data-facets]"));
  var GROUPS = { show: "Prediction", class: "Predicted class", confidence: "Confidence", set: "Set" };
  var CONFIDENCES = ["at least 90 %", "50 to 90 %", "below 50 %"], MANY = 6; // values from which on a list is shorter than buttons
  var bar = document.createElement("div"), count = document.createElement("output");
  var field = document.createElement("input"), buttons = [], lists = [], state = { find: "" };

  /* The values of each group that do not fit all cards. */
  function facets() {
    var seen = {};
    cards.forEach(function (card) {
      card.dataset.facets.split("|").filter(Boolean).forEach(function (facet) { seen[facet] = (seen[facet] || 0) + 1; });
    });
    return Object.keys(seen).filter(function (facet) { return seen[facet] < cards.length; });
  }

  function fits(card) {
    var own = card.dataset.facets.split("|");
    return Object.keys(GROUPS).every(function (group) {
      return !state[group] || own.indexOf(group + "=" + state[group]) >= 0;
    }) && card.textContent.toLowerCase().indexOf(state.find.toLowerCase()) >= 0;
  }

  function apply() {
    var left = 0;
    cards.forEach(function (card) {
      card.hidden = !fits(card);
      left += !card.hidden;
    });
    buttons.forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.value === (state[button.name] || "")));
    });
    lists.forEach(function (list) { list.value = state[list.name] || ""; });
    field.value = state.find;
    count.textContent = left === cards.length ? "" : left + " of " + cards.length;
  }

  function read() {
    ["find"].concat(Object.keys(GROUPS)).forEach(function (key) { state[key] = address.get(key) || ""; });
    apply();
  }

  function write() {
    address.set(state, read);
    apply();
  }

  function button(group, value, place) {
    var made = document.createElement("button");
    made.type = "button";
    made.name = group;
    made.value = value;
    made.textContent = value || "all";
    made.addEventListener("click", function () { state[group] = value; write(); });
    buttons.push(made);
    place.append(made);
  }

  /* The values of a group in a list, where there are many. */
  function choice(group, values, place) {
    var label = document.createElement("label"), list = document.createElement("select");
    list.name = group;
    [""].concat(values).forEach(function (value) {
      var option = document.createElement("option");
      option.value = value;
      option.textContent = value || "all";
      list.append(option);
    });
    list.addEventListener("change", function () { state[group] = list.value; write(); });
    label.append(GROUPS[group] + " ", list);
    lists.push(list);
    place.append(label);
  }

  /* The values that a group offers: confidences from the highest down, classes by name. */
  function valuesOf(group) {
    var values = offered.filter(function (facet) { return facet.indexOf(group + "=") === 0; }).map(function (facet) { return facet.slice(group.length + 1); });
    if (group === "confidence") return CONFIDENCES.filter(function (value) { return values.indexOf(value) >= 0; });
    return group === "class" ? values.sort() : values;
  }

  var offered = facets();
  if (offered.length < 2 && cards.length < 13) return;
  bar.className = "filter";
  Object.keys(GROUPS).forEach(function (group) {
    var values = valuesOf(group);
    var place = document.createElement("div");
    if (!values.length) return;
    place.className = "filter__group";
    bar.append(place);
    if (values.length > MANY) return choice(group, values, place);
    place.setAttribute("role", "group");
    place.setAttribute("aria-label", GROUPS[group]);
    place.append(GROUPS[group] + " ");
    button(group, "", place);
    values.forEach(function (value) { button(group, value, place); });
  });
  if (cards.length > 12) {
    field.type = "search";
    field.placeholder = "Filter";
    field.setAttribute("aria-label", "Filter by text");
    field.addEventListener("input", function () { state.find = field.value; write(); });
    bar.append(field);
  }
  bar.append(count);
  list.before(bar);
  address.keep(["find"].concat(Object.keys(GROUPS)), read);
  read();
})();
