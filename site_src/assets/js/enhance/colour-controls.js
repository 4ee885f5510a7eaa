/* Beside the channel browser: which colours a sprite is shown in and where they end. The address remembers
   (#c17&colours=heat&clip=8), also in a frame. Without this script it has the colours of its file. */
(function () {
  "use strict";
  var element = window.innerview.element, plain = window.innerview.number, address = window.innerview.address;
  var data = document.getElementById("colour-controls"), stage = document.querySelector("iv-channels");
  if (!data || !stage) return;
  var known = JSON.parse(data.textContent), palettes = window.innerview.palettes[known.signed ? "signed" : "unsigned"];
  var drawn = palettes[0], gains = [1, 1.5, 2, 3, 4, 6, 8, 12, 16];
  var state = { colours: drawn.name, clip: 1 };
  var box = element("fieldset", "colour-controls"), legend = element("legend", "visually-hidden", "Colours and contrast");
  var select = element("select", "field"), contrast = element("input", ""), told = element("output", "scale colour-controls__scale");
  var low = element("span", ""), ramp = element("i", "scale__ramp"), high = element("span", ""), back = element("button", "button", "Reset");

  function labelled(words, control) {
    var label = element("label", "");
    label.append(element("span", "", words), control);
    return label;
  }

  palettes.forEach(function (palette) {
    var option = element("option", "", palette.title);
    option.value = palette.name;
    select.append(option);
  });
  contrast.type = "range";
  contrast.min = 0;
  contrast.max = gains.length - 1;
  contrast.step = 1;
  back.type = "button";
  told.append(low, ramp, high);
  box.append(legend, labelled("Colours", select), labelled("Contrast", contrast), told, back);
  stage.querySelector(".browser").append(box);

  function chosen() {
    return palettes.filter(function (palette) { return palette.name === state.colours; })[0] || drawn;
  }

  function apply() {
    var palette = chosen(), as = palette === drawn && state.clip === 1, end = known.high / state.clip;
    if (!as) window.innerview.filters.recolour("recolour", palettes, palette, state.clip);
    stage.classList.toggle("is-recoloured", !as);
    stage.classList.toggle("is-zero-white", palette.zero_white);
    select.value = palette.name;
    contrast.value = gains.indexOf(state.clip);
    contrast.setAttribute("aria-valuetext", state.clip === 1 ? "unchanged" : state.clip + " times, colours end at " + plain(end));
    low.textContent = known.signed ? plain(-end) : "0";
    high.textContent = plain(end);
    ramp.style.backgroundImage = "linear-gradient(90deg, " + palette.colours.match(/.{6}/g).map(function (c) { return "#" + c; }).join(", ") + ")";
    ramp.classList.toggle("is-zero-white", palette.zero_white);
    back.hidden = as;
  }

  function remember() {
    address.set({ colours: chosen() === drawn ? null : state.colours, clip: state.clip === 1 ? null : state.clip }, fromAddress);
  }

  function fromAddress() {
    var clip = Number(address.get("clip"));
    state = { colours: address.get("colours") || drawn.name, clip: gains.indexOf(clip) > 0 ? clip : 1 };
    apply();
  }

  function choose(colours, clip) {
    state = { colours: colours, clip: clip };
    apply();
    remember();
  }

  select.addEventListener("change", function () { choose(select.value, state.clip); });
  contrast.addEventListener("input", function () { choose(state.colours, gains[Number(contrast.value)]); });
  back.addEventListener("click", function () {
    choose(drawn.name, 1);
    select.focus();
  });
  address.keep(["colours", "clip"], fromAddress);
  fromAddress();
})();
