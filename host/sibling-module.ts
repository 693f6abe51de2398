/** Finds the module of a worker thread beside its owner: `.ts` in a checkout, `.js` in a package. */

export function siblingModule(ownerUrl: string, name: string): URL {
  return new URL(`./${name}${ownerUrl.endsWith('.ts') ? '.ts' : '.js'}`, ownerUrl);
}
