// Files that are given to the page, by choosing or by dropping. They wait until it stands.

export let stands; // to be called when it does
const standing = new Promise((resolve) => { stands = resolve; });

export function given(files, take) {
  const all = [...files]; // the list of an input empties with it
  if (all.length) standing.then(() => take(all));
}

export function whenChosen(input, take) {
  input.onchange = () => {
    given(input.files, take);
    input.value = "";
  };
  if (input.files.length) input.onchange(); // before this script had come
}
