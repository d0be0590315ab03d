using VirtioGuest.Hal;

namespace VirtioGuest.Pci;

/// <summary>
/// Gives addresses to the ranges that firmware left without one, and opens the windows of the bridges above them
/// (PCI 3.0, 6.2.5.1; PCI-to-PCI Bridge Architecture 1.2, 3.2.5).
/// </summary>
/// <remarks>
/// <para>
/// A range is without an address where its register is 0, where it wraps around, where it overlaps something reserved
/// or a range that came before it, or where a bridge above does not forward it. All others stay where they are.
/// </para>
/// <para>
/// New ranges are aligned to their size, memory to 4 KiB at least. The lowest free window that fits is used, so that
/// 64-bit ranges go above 4 GiB only when there is no room below. No function's decode is turned on.
/// </para>
/// </remarks>
public sealed class BaseAddressAssignment
{
    private readonly AddressPool _io = new AddressPool();
    private readonly AddressPool _memory = new AddressPool();
    private readonly DeviceLog _log;
    private BusResources? _roots;

    /// <summary>Creates an assignment that has nothing to give out yet.</summary>
    /// <param name="log">Where ranges are named that get no address.</param>
    public BaseAddressAssignment(DeviceLog log)
    {
        _log = log;

        // An address of 0 means none.
        _io.Reserve(new AddressRange(0, 1));
        _memory.Reserve(new AddressRange(0, 1));
    }

    /// <summary>Adds bus addresses that the host leads to PCI and that nothing but base addresses uses.</summary>
    public void AddMemoryWindow(AddressRange window) => _memory.AddWindow(window);

    /// <summary>
    /// Adds I/O ports, below 0x10000, that the host leads to PCI and that nothing but base addresses uses.
    /// </summary>
    public void AddIoWindow(AddressRange window) => _io.AddWindow(window);

    /// <summary>Names addresses that never reach PCI: RAM, interrupt controllers.</summary>
    public void ReserveMemory(AddressRange range) => _memory.Reserve(range);

    /// <summary>Names I/O ports that belong to the platform.</summary>
    public void ReserveIo(AddressRange range) => _io.Reserve(range);

    /// <summary>Assigns what is unassigned. Comes once for a topology, before any driver maps a range.</summary>
    /// <returns>How many ranges got an address; those that got none are logged.</returns>
    public int Assign(PciTopology topology)
    {
        _roots = new BusResources(topology, _io, _memory, _log);
        _roots.Claim();
        return _roots.Place();
    }

    /// <summary>Assigns what functions want that came after <see cref="Assign"/>, all of them to one bus.</summary>
    /// <returns>How many ranges got an address; those that got none are logged.</returns>
    public int AssignAdded(PciFunction[] functions)
    {
        BusResources? bus = functions.Length == 0 ? null : _roots?.Find(functions[0].Upstream);
        return bus == null ? 0 : bus.Add(functions);
    }

    /// <summary>Takes back the addresses of a function that has gone.</summary>
    public void Release(PciFunction function) => _roots?.Find(function.Upstream)?.Remove(function);
}
