/** Says that a component is beyond what direct linking can express. No fault of the component. */
export class Unfit extends Error {}
