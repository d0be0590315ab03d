using VirtioGuest.LibOS.Abi;
using VirtioGuest.LibOS.Boot;

namespace VirtioGuest.LibOS.Acpi;

/// <summary>The tables that were found, for the program above, which reads more of them than LibOS needs.</summary>
internal unsafe struct AcpiTableList
{
    /// <summary>How many tables there is room for; more are counted in <see cref="Ignored"/>.</summary>
    public const int Capacity = 64;

    private fixed ulong _address[Capacity];
    private fixed uint _length[Capacity];
    private fixed uint _signature[Capacity];

    /// <summary>How many there are.</summary>
    public int Count;

    /// <summary>How many were left out for want of room.</summary>
    public uint Ignored;

    /// <summary>Adds a table whose length and checksum are right.</summary>
    public void Add(ulong physical, ByteWindow table)
    {
        if (Count == Capacity)
        {
            Ignored++;
            return;
        }

        _address[Count] = physical;
        _length[Count] = (uint)table.Length;
        _signature[Count] = table.Load32(0);
        Count++;
    }

    /// <summary>Copies an entry out; false at and past <see cref="Count"/>.</summary>
    public readonly bool TryGet(int index, AcpiTable* table)
    {
        if (index < 0 || index >= Count)
        {
            return false;
        }

        table->PhysicalAddress = _address[index];
        table->Length = _length[index];
        table->Signature = _signature[index];
        return true;
    }
}
