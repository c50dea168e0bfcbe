// Whether the palette is open, and with what text it begins. Apart from the palette, which is loaded when it is first opened.
import { makeStore } from "../data/store.ts";

export const paletteText = makeStore<string | undefined>(undefined);
export const openPalette = (text: string): void => paletteText.set(text);
export const closePalette = (): void => paletteText.set(undefined);
