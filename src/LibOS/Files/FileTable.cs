namespace VirtioGuest.LibOS.Files;

/// <summary>The program's file descriptors.</summary>
internal unsafe struct FileTable
{
    /// <summary>How many descriptors there are.</summary>
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

    /// <summary>Frees a descriptor.</summary>
    public long Close(ulong file)
    {
        if (KindOf(file) == FileKind.None)
        {
            return -ErrorNumber.BadFile;
        }

        _kinds[file] = (byte)FileKind.None;
        return 0;
    }

    /// <summary>How far a descriptor was read.</summary>
    public readonly ulong PositionOf(ulong file) => _positions[file];

    /// <summary>Moves a descriptor on.</summary>
    public void Advance(ulong file, ulong count) => _positions[file] += count;
}
