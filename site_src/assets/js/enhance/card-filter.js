/* Buttons and a field that narrow a hub's cards; the address keeps the choice (#show=wrong&find=cat), also from a file. */
(function () {
  "use strict";
  var address = window.innerview.address;
  var list = document.querySelector("[data-filter]");
  if (!list) return;
  var cards = Array.prototype.slice.call(list.querySelectorAll("[data-facets]"));
  var GROUPS = { show: "Prediction", set: "Set" };
  var bar = document.createElement("div"), count = document.createElement("output");
  var field = document.createElement("input"), buttons = [], state = { find: "" };

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

  var offered = facets();
  if (offered.length < 2 && cards.length < 13) return;
  bar.className = "filter";
  Object.keys(GROUPS).forEach(function (group) {
    var values = offered.filter(function (facet) { return facet.indexOf(group + "=") === 0; });
    var place = document.createElement("div");
    if (!values.length) return;
    place.className = "filter__group";
    place.setAttribute("role", "group");
    place.setAttribute("aria-label", GROUPS[group]);
    place.append(GROUPS[group] + " ");
    button(group, "", place);
    values.forEach(function (facet) { button(group, facet.slice(group.length + 1), place); });
    bar.append(place);
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
