using VirtioGuest.LibOS.Console;

namespace VirtioGuest.LibOS;

/// <summary>
/// The names of the image's functions, so that a report can say where something failed. The build appends the table to
/// the image: a count, the start of each function in ascending order, the offset of each name, and the names, each
/// ended by a zero. All numbers have 32 bits; offsets count from the table's first byte.
/// </summary>
internal unsafe struct Symbols
{
    private readonly byte* _table;

    public Symbols(byte* table) => _table = table;

    /// <summary>How many functions the table names; 0 in an image that was linked without it.</summary>
    public uint Count => *(uint*)_table;

    /// <summary>Finds the function that an address lies in.</summary>
    /// <param name="address">Any address.</param>
    /// <param name="offset">How far into the function it is.</param>
    /// <returns>The name, ended by a zero, or null where there is none.</returns>
    public byte* Find(ulong address, out ulong offset)
    {
        var starts = (uint*)_table + 1;
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

    /// <summary>Writes an address of code as a number, for tools, and as a function and an offset in it.</summary>
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
