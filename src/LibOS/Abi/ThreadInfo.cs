namespace VirtioGuest.LibOS.Abi;

/// <summary>A thread; filled in by <c>libos_thread_info</c>.</summary>
public unsafe struct ThreadInfo
{
    /// <summary>Room for a name, its terminating zero included.</summary>
    public const int NameLength = 32;

    /// <summary>The thread's number; 0 marks an unused slot.</summary>
    public uint Id;

    /// <summary>What it is doing.</summary>
    public ThreadInfoState State;

    /// <summary>Processor time used.</summary>
    public ulong CpuNanoseconds;

    /// <summary>How often it was given the processor.</summary>
    public ulong Switches;

    /// <summary>How often an interrupt woke it.</summary>
    public ulong InterruptWakes;

    /// <summary>Its name: UTF-8, ended by a zero.</summary>
    public fixed byte Name[NameLength];
}

/// <summary>What a thread is doing, for people.</summary>
public enum ThreadInfoState : uint
{
    /// <summary>Running or ready to run.</summary>
    Ready = 0,

    /// <summary>Waiting on a futex.</summary>
    Futex = 1,

    /// <summary>Sleeping until a time.</summary>
    Sleeping = 2,

    /// <summary>Waiting for an interrupt.</summary>
    Interrupt = 3,

    /// <summary>Waiting for console input.</summary>
    Console = 4,

    /// <summary>Waiting on a pipe that is never written.</summary>
    Pipe = 5,

    /// <summary>Waiting until the console has taken output.</summary>
    Output = 6,
}
