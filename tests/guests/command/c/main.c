/* Knows nothing of Micro: reads its input, writes it in capitals. */
#include <ctype.h>
#include <stdio.h>

int main(void) {
  for (int letter; (letter = getchar()) != EOF;) putchar(toupper(letter));
  return 0;
}
