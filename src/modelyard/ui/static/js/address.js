// The address says what is looked at, so that it can be shared; links of the page to itself and to its twin say the same.
export const keep = (fields, names) => { // `names` are the fields that may have changed
  history.replaceState(null, "", `${location.pathname}${fields.size ? `?${fields}` : ""}`);
  for (const link of document.querySelectorAll("a[href]:not(svg a)")) {
    const to = new URL(link.href);
    if (to.origin !== location.origin || ![location.pathname, `${location.pathname}.json`].includes(to.pathname)) continue;
    for (const name of names) {
      to.searchParams.delete(name);
      fields.getAll(name).forEach(value => to.searchParams.append(name, value));
    }
    link.href = `${to.pathname}${to.searchParams.size ? `?${to.searchParams}` : ""}${to.hash}`;
  }
};
