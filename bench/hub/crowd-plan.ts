/** What a process that stands for many branches is told: the contents of the file that it is started with. */

/** The numbers of links go from 0 to 255, and every branch of a process has one. */
export const MOST_BRANCHES_OF_A_PROCESS = 250;

export type CrowdPlan = {
  /** A configuration with a link for every branch, and one tunnel that those of all branches are like. */
  readonly config: string;
  /** One for each branch, in the order of the links. */
  readonly identities: readonly string[];
};
