/** Kept equal to package.json's by a test: reading that file at run time would cost start-up. */
export const VERSION = '0.1.0';
