namespace VirtioGuest.Devices.Pci;

/// <summary>What answers at one device number of a <see cref="PciBus"/>.</summary>
public interface IBusFunction
{
    /// <summary>Reads 1, 2 or 4 aligned bytes of configuration space.</summary>
    uint ReadConfiguration(uint offset, int width);

    /// <summary>Writes 1, 2 or 4 aligned bytes of configuration space.</summary>
    void WriteConfiguration(uint offset, int width, uint value);

    /// <summary>Finds the range that a guest has placed over a bus address.</summary>
    /// <returns>Its number, or null where the function does not decode the address.</returns>
    int? Decode(ulong address, out ulong offset);

    /// <summary>Reads 1, 2 or 4 aligned bytes of a range.</summary>
    uint ReadBar(int index, ulong offset, int width);

    /// <summary>Writes 1, 2 or 4 aligned bytes of a range.</summary>
    void WriteBar(int index, ulong offset, int width, uint value);
}
