/** The project's directory; the house's scripts work from there, wherever they are called. */

import { fileURLToPath } from 'node:url';

export const root: string = fileURLToPath(new URL('..', import.meta.url));
