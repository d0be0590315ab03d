/* Numbers that assembly and C# share. The C# side names the same values in PerCpu.cs, SegmentTables.cs and BootDoor. */

#define DOOR_MULTIBOOT2         1
#define DOOR_PVH                2
#define DOOR_LINUX              3

#define CODE_SELECTOR           0x08
#define DATA_SELECTOR           0x10
#define TASK_SELECTOR           0x18

/* struct PerCpu, addressed through GS. */
#define CPU_KERNEL_STACK        8
#define CPU_PROGRAM_STACK       16
#define CPU_THREAD_EXTENDED     24      /* extended (FPU, SSE, AVX) state of the thread that runs */
#define CPU_NESTED_EXTENDED     32      /* the same for LibOS code that was interrupted by a trap */
#define CPU_KERNEL_DEPTH        40      /* 0 while the program runs */
#define CPU_SAVE_KIND           44
#define CPU_FRAME_END           48      /* the end of the running thread's trap frame */
#define CPU_LIVE_EXTENDED       56      /* whose extended state is in the processor and not in its area, or 0 */
#define CPU_INTERRUPT_STACK     64
#define CPU_IS_IDLE             72

/* struct TrapFrame: its length, and how much of it lies below what a stub and the processor push. */
#define FRAME_LENGTH            176
#define FRAME_REGISTERS         120
#define FRAME_RETURN            136

/* enum ExtendedSave: what CPU_SAVE_KIND holds. */
#define SAVE_FXSAVE             0
#define SAVE_XSAVE              1
#define SAVE_XSAVEOPT           2

/* The first of LibOS' own calls, CallNumbers.BootInformation. */
#define FIRST_OWN_CALL          0x1000

/* Vector number of the trap frame that a system call makes. */
#define VECTOR_SYSTEM_CALL      0x100

/* The local APIC timer's vector, Vectors.Timer in Traps.cs. */
#define VECTOR_TIMER            0xF0

/* An entry of the table of required processor features; struct RequiredFeature names the same. */
#define FEATURE_LEAF            0
#define FEATURE_IS_IN_ECX       4
#define FEATURE_BIT             5
#define FEATURE_IS_EARLY        6
#define FEATURE_NAME            8
#define FEATURE_SIZE            12

/* How many vectors the boot assembly's interrupt table has: the processor's own. */
#define BOOT_TRAPS              32
