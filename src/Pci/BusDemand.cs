using System.Collections.Generic;

namespace VirtioGuest.Pci;

/// <summary>Something on a bus that wants addresses: a range of a function, or a closed window of a bridge.</summary>
internal sealed class BusDemand
{
    private BusDemand(ulong length, ulong alignment)
    {
        Length = length;
        Alignment = alignment;
    }

    /// <summary>How many addresses.</summary>
    public ulong Length { get; }

    /// <summary>At a multiple of which power of two.</summary>
    public ulong Alignment { get; }

    /// <summary>The function whose range it is, or null.</summary>
    public PciFunction? Function { get; private set; }

    /// <summary>The range, where <see cref="Function"/> is not null.</summary>
    public BaseAddressRegister? Register { get; private set; }

    /// <summary>The bus behind the bridge whose window it is, or null.</summary>
    public BusResources? Bus { get; private set; }

    /// <summary>Which window of the bridge, where <see cref="Bus"/> is not null.</summary>
    public BridgeWindow Window { get; private set; }

    /// <summary>
    /// What one range of a function wants. Memory gets pages of its own, so that no two mappings share one.
    /// </summary>
    public static BusDemand Of(PciFunction function, BaseAddressRegister register)
    {
        const ulong Page = 0x1000;
        ulong alignment = register.IsIo || register.Length > Page ? register.Length : Page;
        return new BusDemand(register.Length, alignment) { Function = function, Register = register };
    }

    /// <summary>
    /// What a bridge's window wants to hold the demands behind it, from the one numbered <paramref name="first"/> on;
    /// null where there are none, or more than there are addresses.
    /// </summary>
    public static BusDemand? Of(BusResources bus, BridgeWindow window, List<BusDemand> demands, int first)
    {
        ulong alignment = PciBridge.Granularity(window);
        ulong length = 0;
        for (int i = first; i < demands.Count; i++)
        {
            alignment = demands[i].Alignment > alignment ? demands[i].Alignment : alignment;
            if (!AddressPool.TryAlign(length, demands[i].Alignment, out ulong start)
                || demands[i].Length > ulong.MaxValue - start)
            {
                return null;
            }

            length = start + demands[i].Length;
        }

        bool fits = AddressPool.TryAlign(length, PciBridge.Granularity(window), out length);
        return fits && length != 0 ? new BusDemand(length, alignment) { Bus = bus, Window = window } : null;
    }

    /// <summary>Adds a demand so that those with the greatest alignment come first, which leaves no gaps.</summary>
    public static void Insert(List<BusDemand> demands, BusDemand demand)
    {
        int place = demands.Count;
        while (place > 0 && demands[place - 1].Alignment < demand.Alignment)
        {
            place--;
        }

        demands.Insert(place, demand);
    }
}
