namespace VirtioGuest.LibOS.Files;

/// <summary>What a file descriptor of the program stands for. There is no file system here.</summary>
internal enum FileKind : byte
{
    /// <summary>The descriptor is free.</summary>
    None = 0,

    /// <summary>The console: descriptors 0, 1 and 2.</summary>
    Console,

    /// <summary><c>/dev/urandom</c> and <c>/dev/random</c>.</summary>
    Random,

    /// <summary><c>/dev/null</c>.</summary>
    Null,

    /// <summary><c>/proc/meminfo</c>, which the garbage collector reads at every collection.</summary>
    MemoryReport,

    /// <summary>The end of a pipe that .NET reads its signals from: nothing is ever written to it.</summary>
    PipeReader,

    /// <summary>The other end of it.</summary>
    PipeWriter,
}
