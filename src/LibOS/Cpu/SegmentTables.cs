using VirtioGuest.LibOS.Memory;

namespace VirtioGuest.LibOS.Cpu;

/// <summary>
/// The task state segment with its interrupt stacks, and the interrupt descriptor table (Intel SDM 3A, 6.14 and 7.7).
/// </summary>
/// <remarks>
/// Every trap switches to a stack of its own (IST), because compiled code keeps data below its stack pointer. For
/// interrupts, that is the running thread's trap frame.
/// </remarks>
internal static unsafe class SegmentTables
{
    /// <summary>Selector of 64-bit code, as in <c>Layout.h</c>.</summary>
    public const ulong CodeSelector = 0x08;

    /// <summary>Selector of data, as in <c>Layout.h</c>.</summary>
    public const ulong DataSelector = 0x10;

    private const ushort TaskSelector = 0x18;
    private const ulong TaskStateLength = 104;
    private const ulong InterruptGate = 0x8E;

    // Which interrupt stack a vector uses.
    private const int InterruptStack = 1;
    private const int PageFaultStack = 2;
    private const int DoubleFaultStack = 3;
    private const int NonMaskableStack = 4;
    private const int MachineCheckStack = 5;
    private const int ExceptionStack = 6;
    private const int StackCount = 6;

    /// <summary>Sets up and loads both tables.</summary>
    /// <param name="cpu">Whose they are; it receives its stack for interrupts.</param>
    /// <param name="layout">Where the trap stubs and the task descriptor are.</param>
    /// <param name="stacks">Where stacks come from.</param>
    /// <param name="store">A zeroed frame for the interrupt table and one for the task state, contiguous.</param>
    public static void Load(PerCpu* cpu, ImageLayout* layout, KernelStacks* stacks, byte* store)
    {
        var gates = (ulong*)store;
        byte* task = store + Frame.Size;

        // IST1 is at byte 36 of the task state segment.
        var taskStacks = (ulong*)(task + 36);
        for (int i = 0; i < StackCount; i++)
        {
            taskStacks[i] = stacks->Allocate();
        }

        // Interrupts are pushed where the running thread keeps its registers, and served on the stack.
        cpu->TaskInterruptStack = taskStacks;
        cpu->InterruptStack = *taskStacks;

        *(ushort*)(task + 102) = (ushort)TaskStateLength;
        var address = (ulong)task;
        layout->TaskDescriptor[0] = (TaskStateLength - 1)
            | ((address & 0xFF_FFFF) << 16)
            | (0x89ul << 40)
            | ((address >> 24 & 0xFF) << 56);
        layout->TaskDescriptor[1] = address >> 32;
        Processor.LoadTask(TaskSelector);

        for (ulong vector = 0; vector < 256; vector++)
        {
            var stub = (ulong)layout->TrapStubs + (vector * ImageLayout.TrapStubLength);
            gates[2 * vector] = (stub & 0xFFFF)
                | (CodeSelector << 16)
                | ((ulong)StackFor(vector) << 32)
                | (InterruptGate << 40)
                | ((stub >> 16 & 0xFFFF) << 48);
            gates[(2 * vector) + 1] = stub >> 32;
        }

        byte* descriptor = stackalloc byte[10];
        *(ushort*)descriptor = (ushort)(Frame.Size - 1);
        *(ulong*)(descriptor + 2) = (ulong)gates;
        Processor.LoadInterruptTable(descriptor);
    }

    private static int StackFor(ulong vector) => vector switch
    {
        Vectors.NonMaskable => NonMaskableStack,
        Vectors.DoubleFault => DoubleFaultStack,
        Vectors.PageFault => PageFaultStack,
        Vectors.MachineCheck => MachineCheckStack,
        < Vectors.FirstLine => ExceptionStack,
        _ => InterruptStack,
    };
}
