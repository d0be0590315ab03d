using VirtioGuest.LibOS.Abi;
using VirtioGuest.LibOS.Boot;

namespace VirtioGuest.LibOS.Acpi;

/// <summary>
/// Where PCI configuration space is in memory: from the table that says so (MCFG; PCI Firmware 3.2, 4.1.2), else from
/// the object <c>_CBA</c> of a host bridge (4.1.3), which is all that QEMU's microvm has.
/// </summary>
internal unsafe struct ConfigurationDescription
{
    /// <summary>The room for windows; more are counted in <see cref="Ignored"/>.</summary>
    public const int Capacity = 16;

    private const ulong FirstEntry = 44;
    private const ulong EntryLength = 16;
    private const ulong BusLength = 1 << 20;

    private const uint BaseName = 0x4142_435F; // "_CBA"
    private const byte NameOp = 0x08;
    private const byte MethodOp = 0x14;
    private const byte ReturnOp = 0xA4;
    private const byte LongLength = 0xC0;

    private fixed ulong _base[Capacity];
    private fixed ushort _segment[Capacity];
    private fixed byte _firstBus[Capacity];
    private fixed byte _lastBus[Capacity];

    private ulong _namedBase;

    /// <summary>Whether there is an MCFG table.</summary>
    public bool IsPresent;

    public int Windows;

    /// <summary>How many windows were left out: there was no room for them, or they are not valid.</summary>
    public uint Ignored;

    /// <summary>Copies a window out; false at and past <see cref="Windows"/>.</summary>
    public readonly bool TryGet(int index, ConfigurationWindow* window)
    {
        if (index < 0 || index >= Windows)
        {
            return false;
        }

        window->BaseAddress = _base[index];
        window->Segment = _segment[index];
        window->FirstBus = _firstBus[index];
        window->LastBus = _lastBus[index];
        return true;
    }

    /// <summary>Reads a table whose checksum is right.</summary>
    public void Read(ByteWindow table)
    {
        if (IsPresent)
        {
            return;
        }

        IsPresent = true;
        for (ulong offset = FirstEntry; table.Has(offset, EntryLength); offset += EntryLength)
        {
            ByteWindow entry = table.Part(offset, EntryLength);
            Add(entry.Load64(0), entry.Load16(8), entry.Load8(10), entry.Load8(11));
        }
    }

    /// <summary>Looks for <c>_CBA</c> in a definition block's AML, without an interpreter.</summary>
    /// <remarks>
    /// It is a name with a constant, or a method that does nothing but return one: NameOp, the name, the constant; or
    /// MethodOp, a short PkgLength, the name, flags, ReturnOp, the constant. The first counts.
    /// </remarks>
    public void FindBase(ByteWindow aml)
    {
        for (ulong offset = 2; _namedBase == 0 && aml.Has(offset, 4); offset++)
        {
            if (aml.Load32(offset) != BaseName)
            {
                continue;
            }

            ulong cursor = offset + 4;
            bool isNamed = aml.Load8(offset - 1) == NameOp;
            if (!isNamed && aml.Load8(offset - 2) == MethodOp && (aml.Load8(offset - 1) & LongLength) == 0
                && aml.Has(cursor, 2) && aml.Load8(cursor + 1) == ReturnOp)
            {
                isNamed = true;
                cursor += 2;
            }

            if (isNamed && AmlConstant.TryRead(aml, ref cursor, out ulong value))
            {
                _namedBase = value;
            }
        }
    }

    /// <summary>
    /// Takes what <see cref="FindBase"/> found where the table is absent, for all buses of segment 0.
    /// </summary>
    public void Complete()
    {
        if (!IsPresent && _namedBase != 0)
        {
            Add(_namedBase, 0, 0, byte.MaxValue);
        }
    }

    private void Add(ulong start, ushort segment, byte firstBus, byte lastBus)
    {
        ulong length = ((ulong)lastBus + 1) * BusLength;
        if (Windows == Capacity || lastBus < firstBus || start == 0 || (start & (BusLength - 1)) != 0
            || start > ulong.MaxValue - length)
        {
            Ignored++;
            return;
        }

        _base[Windows] = start;
        _segment[Windows] = segment;
        _firstBus[Windows] = firstBus;
        _lastBus[Windows] = lastBus;
        Windows++;
    }
}
