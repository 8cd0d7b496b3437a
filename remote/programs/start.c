/* Lets the program run on every C library since glibc 2.17 (2012), whichever it is linked with.
 *
 * The linker takes the newest version of each symbol, so that a program linked on Debian 12 would need glibc 2.34,
 * because of dlopen and of the start of every program (__libc_start_main). Both still exist in their first
 * versions; these lines ask for them. dlopen is in libdl.so.2 there, which newer systems have as an empty library.
 * On other processors than x86-64 the program needs the C library that it was linked with. */
#if defined(PASSTHROUGH_OLD_GLIBC)

__asm__(
    ".symver __libc_start_main, __libc_start_main@GLIBC_2.2.5\n"
    ".globl _start\n"
    ".type _start, @function\n"
    "_start:\n" /* System V ABI, AMD64 supplement, 3.4.1: the state of a process as it starts */
    "  xor %ebp, %ebp\n"
    "  mov %rdx, %r9\n"  /* what to call at exit */
    "  pop %rsi\n"       /* argc */
    "  mov %rsp, %rdx\n" /* argv */
    "  and $-16, %rsp\n"
    "  push %rax\n"
    "  push %rsp\n"      /* the end of the stack */
    "  xor %r8d, %r8d\n" /* no constructors, no destructors */
    "  xor %ecx, %ecx\n"
    "  lea main(%rip), %rdi\n"
    "  call *__libc_start_main@GOTPCREL(%rip)\n"
    "  hlt\n");

#endif
