#include <stdio.h>

int main(void)
{
	puts("flamelapse " VERSION);
	return 0;
}
