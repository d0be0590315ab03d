using VirtioGuest.LibOS.Console;

namespace VirtioGuest.LibOS;

/// <summary>
/// The names of the image's functions, so that a report can say where something failed. The build appends the table to
/// the image: a count, the start of each function in ascending order, where each name is, and the names, each ended by
/// a zero. All numbers have 32 bits; places are counted from the table's first byte.
/// </summary>
internal unsafe struct Symbols
{
    private readonly byte* _table;

    /// <summary>Reads a table.</summary>
    public Symbols(byte* table)
    {
        _table = table;
    }

    /// <summary>How many functions the table names; 0 in an image that was linked without it.</summary>
    public uint Count => *(uint*)_table;

    /// <summary>Finds the function that an address lies in.</summary>
    /// <param name="address">Any address.</param>
    /// <param name="offset">How far into the function it is.</param>
    /// <returns>The name, ended by a zero, or null where there is none.</returns>
    public byte* Find(ulong address, out ulong offset)
    {
        uint* starts = (uint*)_table + 1;
        uint low = 0;
        uint high = Count;
        while (low < high)
        {
            uint middle = (low + high) >> 1;
            if (starts[middle] <= address)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        if (low == 0)
        {
            offset = 0;
            return null;
        }

        offset = address - starts[low - 1];
        uint name = starts[Count + low - 1];
        return name == 0 ? null : _table + name;
    }

    /// <summary>Writes an address of code: the function and the place in it, and the number for tools.</summary>
    public void Write(ulong address)
    {
        KernelConsole.WriteHex(address);
        byte* name = Find(address, out ulong offset);
        if (name != null)
        {
            KernelConsole.Write("  ");
            Panic.WriteName(name);
            KernelConsole.Write("+");
            KernelConsole.WriteHex(offset);
        }
    }
}
