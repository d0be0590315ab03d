namespace VirtioGuest.LibOS.Files;

/// <summary>What a file descriptor of the program stands for. There are no files here, only an empty root.</summary>
internal enum FileKind : byte
{
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

    /// <summary>The root directory, which is empty: programs expect to be somewhere.</summary>
    Root,
}

internal unsafe struct FileTable
{
    public const int Capacity = 64;

    private fixed byte _kinds[Capacity];
    private fixed ulong _positions[Capacity];

    /// <summary>Starts with the console at 0, 1 and 2.</summary>
    public void Initialize()
    {
        for (int file = 0; file < 3; file++)
        {
            _kinds[file] = (byte)FileKind.Console;
        }
    }

    /// <summary>What a descriptor stands for; <see cref="FileKind.None"/> for a number that is not one.</summary>
    public readonly FileKind KindOf(ulong file) => file < Capacity ? (FileKind)_kinds[file] : FileKind.None;

    /// <summary>Takes the lowest free descriptor.</summary>
    /// <returns>Its number, or a negated error number.</returns>
    public long Open(FileKind kind)
    {
        for (int file = 0; file < Capacity; file++)
        {
            if (_kinds[file] == (byte)FileKind.None)
            {
                _kinds[file] = (byte)kind;
                _positions[file] = 0;
                return file;
            }
        }

        return -ErrorNumber.TooManyFiles;
    }

    public long Close(ulong file)
    {
        if (KindOf(file) == FileKind.None)
        {
            return -ErrorNumber.BadFile;
        }

        _kinds[file] = (byte)FileKind.None;
        return 0;
    }

    /// <summary>How far a descriptor has been read.</summary>
    public readonly ulong PositionOf(ulong file) => _positions[file];

    public void Advance(ulong file, ulong count) => _positions[file] += count;
}
