/* A host program in C. It loads the module that its argument names, twice, and lets the module hold
   a request each time. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  for (int loads = 0; loads < 2; ++loads) {
    void* const module = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (module == NULL) {
      fprintf(stderr, "host: %s\n", dlerror());
      return 1;
    }
    void* const symbol = dlsym(module, "RunARequest");
    int (*run)(void) = NULL;
    /* C has no conversion from a pointer to data to a pointer to a function. */
    memcpy(&run, &symbol, sizeof(run));
    const int result = run == NULL ? -1 : run();
    if (result != 0 || dlclose(module) != 0) {
      fprintf(stderr, "host: the module failed with %d\n", result);
      return 1;
    }
  }
  puts("the module held a request and released it, each time it was loaded");
  return 0;
}
