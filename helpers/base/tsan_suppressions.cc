// What ThreadSanitizer is told: libvirt's client and GLib are not built with it, and how their
// event loop waits and wakes (an eventfd, futexes) is invisible to it. Without this, each
// connection is a race. https://github.com/google/sanitizers/wiki/ThreadSanitizerSuppressions

extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "race:libvirt.so\n"
         "race:libglib-2.0.so\n"
         "mutex:libvirt.so\n";  // its test driver frees a locked mutex where it cannot open
}

// Tests fork, with libvirt's threads at work, to be the parent of what they look at.
extern "C" const char* __tsan_default_options();
extern "C" const char* __tsan_default_options() { return "die_after_fork=0"; }
