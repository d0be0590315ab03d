using System.Runtime.InteropServices;
using VirtioGuest.LibOS.Abi;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Memory;

namespace VirtioGuest.LibOS.Threads;

/// <summary>Whether a thread slot is in use, and what its thread is doing.</summary>
internal enum ThreadState : uint
{
    Free = 0,
    Running,
    Ready,

    /// <summary>It waits for a futex, perhaps until a time.</summary>
    WaitingForFutex,

    /// <summary>It sleeps until a time.</summary>
    Sleeping,

    WaitingForInterrupt,
    WaitingForConsole,
    WaitingForPipe,

    /// <summary>It waits for room in the console's output, or until all of that has left.</summary>
    WaitingForOutput,
}

/// <summary>A thread of the program: its registers while it does not run, and what it waits for.</summary>
[StructLayout(LayoutKind.Sequential, Size = 384)]
internal unsafe struct Thread
{
    /// <summary>
    /// The registers, while the thread does not run. They are pushed here on the way into LibOS. The processor aligns
    /// the stack for a trap to 16 bytes, so the structure's size is a multiple of that.
    /// </summary>
    public TrapFrame Registers;

    /// <summary>The base of its thread-local storage (FS).</summary>
    public ulong ThreadPointer;

    /// <summary>Where its extended registers are saved: a frame of its own.</summary>
    public byte* Extended;

    public ThreadState State;

    /// <summary>
    /// Whether an interrupt woke it and its time slice is not used up yet: then no other interrupt preempts it.
    /// </summary>
    public bool IsUrgent;

    /// <summary>
    /// What is left of its time slice, in timestamp ticks, while it does not run; 0 before it has run for the first
    /// time.
    /// </summary>
    public ulong SliceLeft;

    /// <summary>Its number: never 0, and not used again soon.</summary>
    public uint Id;

    /// <summary>Blocked signals; bit n is signal n + 1.</summary>
    public ulong SignalMask;

    public ulong PendingSignals;

    /// <summary>Cleared and woken when the thread ends (CLONE_CHILD_CLEARTID).</summary>
    public uint* ClearOnExit;

    /// <summary>The futex that it waits for.</summary>
    public ulong FutexAddress;

    /// <summary>The bits of FUTEX_WAIT_BITSET.</summary>
    public uint FutexBits;

    /// <summary>The next thread in its futex bucket, or in the run queue.</summary>
    public Thread* Next;

    /// <summary>The next thread in the list of sleepers.</summary>
    public Thread* NextSleeper;

    /// <summary>Whether it is in the list of sleepers.</summary>
    public bool HasDeadline;

    /// <summary>When it wakes at the latest, in monotonic nanoseconds.</summary>
    public ulong Deadline;

    /// <summary>Processor time used, in timestamp ticks.</summary>
    public ulong RunTicks;

    /// <summary>How often it was given the processor.</summary>
    public ulong Switches;

    /// <summary>How often an interrupt woke it.</summary>
    public ulong InterruptWakes;

    /// <summary>Its name, ended by a zero.</summary>
    public fixed byte Name[ThreadInfo.NameLength];
}

/// <summary>All threads, in a fixed number of slots.</summary>
internal unsafe struct ThreadTable
{
    public const int Capacity = 512;

    private Thread* _slots;
    private uint _lastId;

    public static ulong StoreBytes => (ulong)(Capacity * sizeof(Thread));

    /// <summary>Starts with no thread.</summary>
    /// <param name="store">Zeroed room for <see cref="StoreBytes"/>.</param>
    public void Initialize(void* store)
    {
        _slots = (Thread*)store;
        _lastId = 0;
    }

    public readonly Thread* this[int index] => &_slots[index];

    /// <summary>Takes a free slot and gives it a new number; the extended-register area comes from a frame.</summary>
    /// <returns>The cleared slot, or null when there is no slot or no memory.</returns>
    public Thread* Create(FrameAllocator* frames)
    {
        for (int i = 0; i < Capacity; i++)
        {
            Thread* thread = &_slots[i];
            if (thread->State != ThreadState.Free)
            {
                continue;
            }

            ulong area = frames->Allocate();
            if (area == FrameAllocator.None)
            {
                return null;
            }

            Processor.Fill(thread, 0, (ulong)sizeof(Thread));
            thread->Extended = PhysicalMemory.At(area);
            thread->Id = ++_lastId;
            return thread;
        }

        return null;
    }

    /// <summary>Frees a slot. The thread is in no queue any more.</summary>
    public readonly void Destroy(Thread* thread, FrameAllocator* frames)
    {
        frames->Free(PhysicalMemory.Of(thread->Extended), Frame.Size);
        thread->Extended = null;
        thread->State = ThreadState.Free;
    }

    /// <summary>Finds a thread by its number, or null.</summary>
    public readonly Thread* Find(uint id)
    {
        for (int i = 0; i < Capacity; i++)
        {
            if (_slots[i].State != ThreadState.Free && _slots[i].Id == id)
            {
                return &_slots[i];
            }
        }

        return null;
    }
}
