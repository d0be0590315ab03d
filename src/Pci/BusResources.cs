using System.Collections.Generic;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;

namespace VirtioGuest.Pci;

/// <summary>The addresses that reach one bus, what holds them, and who still wants some.</summary>
internal sealed class BusResources
{
    private const int Windows = 3;

    private static readonly BridgeWindow[] s_windows =
    {
        BridgeWindow.Io, BridgeWindow.Memory, BridgeWindow.Prefetchable,
    };

    private readonly PciFunction? _upstream;
    private readonly BusResources? _above;
    private readonly List<PciFunction> _functions = new List<PciFunction>();
    private readonly List<BusResources> _behind = new List<BusResources>();
    private readonly AddressPool[] _pools;
    private readonly bool[] _isOpen = new bool[Windows];
    private readonly ulong[] _reach = new ulong[Windows];
    private readonly int[] _leftOut = new int[Windows];
    private readonly DeviceLog _log;

    /// <summary>Describes all root buses, which reach the machine's own addresses.</summary>
    public BusResources(PciTopology topology, AddressPool io, AddressPool memory, DeviceLog log)
        : this(null, null, topology, new[] { io, memory, memory }, log)
    {
    }

    private BusResources(
        PciFunction? upstream, BusResources? above, PciTopology topology, AddressPool[] pools, DeviceLog log)
    {
        _upstream = upstream;
        _above = above;
        _pools = pools;
        _log = log;
        foreach (PciFunction function in topology.Functions)
        {
            if (function.Upstream != upstream)
            {
                continue;
            }

            _functions.Add(function);
            if (function.Bridge != null)
            {
                AddressPool[] empty = { new AddressPool(), new AddressPool(), new AddressPool() };
                _behind.Add(new BusResources(function, this, topology, empty, log));
            }
        }
    }

    private bool IsRoot => _upstream == null;

    /// <summary>
    /// Takes what is already assigned, from the roots down. What decodes comes before what does not; of two that
    /// overlap the later one counts as unassigned, and so does what no bridge forwards.
    /// </summary>
    public void Claim()
    {
        ClaimRegisters(true);
        for (int index = 0; index < _behind.Count; index++)
        {
            _behind[index].ClaimWindows(this);
        }

        ClaimRegisters(false);
        for (int index = 0; index < _behind.Count; index++)
        {
            _behind[index].Claim();
        }
    }

    /// <summary>Gives addresses to everything on this bus and behind it that has none.</summary>
    /// <returns>How many ranges got an address.</returns>
    public int Place()
    {
        int placed = 0;
        foreach (BridgeWindow window in s_windows)
        {
            List<BusDemand> demands = Demands(window);
            for (int i = 0; i < demands.Count; i++)
            {
                bool isLeftOut = i < _leftOut[(int)window];
                if (demands[i].Bus != null)
                {
                    demands[i].Bus!.Open(isLeftOut ? null : this, demands[i].Window);
                }
                else if (!isLeftOut && TryPlace(demands[i]))
                {
                    placed++;
                }
                else
                {
                    GiveUp(demands[i].Function!, demands[i].Register!);
                }
            }
        }

        for (int index = 0; index < _behind.Count; index++)
        {
            placed += _behind[index].Place();
        }

        return placed;
    }

    /// <summary>The bus behind a bridge, or all root buses for none; null where the bridge is not known.</summary>
    public BusResources? Find(PciFunction? upstream)
    {
        if (_upstream == upstream)
        {
            return this;
        }

        BusResources? found = null;
        for (int index = 0; index < _behind.Count && found == null; index++)
        {
            found = _behind[index].Find(upstream);
        }

        return found;
    }

    /// <summary>Gives addresses to functions that have come to this bus.</summary>
    /// <returns>How many ranges got an address.</returns>
    public int Add(PciFunction[] functions)
    {
        _functions.AddRange(functions);
        for (int index = 0; index < functions.Length; index++)
        {
            foreach (BaseAddressRegister register in functions[index].BaseAddresses)
            {
                // What a function that has just come says is from before a reset, or somebody else's.
                register.Unplace();
            }
        }

        int placed = 0;
        foreach (BridgeWindow window in s_windows)
        {
            // A bridge that had nothing behind it may forward nothing yet.
            if (_above != null && !_isOpen[(int)window] && _reach[(int)window] != 0)
            {
                Open(_above, window);
            }

            List<BusDemand> demands = Demands(window);
            for (int i = 0; i < demands.Count; i++)
            {
                BusDemand demand = demands[i];
                if (demand.Function == null || !Contains(functions, demand.Function))
                {
                    continue;
                }

                if (TryPlace(demand))
                {
                    placed++;
                }
                else
                {
                    GiveUp(demand.Function, demand.Register!);
                }
            }
        }

        return placed;
    }

    /// <summary>Takes back the addresses of a function that has gone.</summary>
    public void Remove(PciFunction function)
    {
        _functions.Remove(function);
        foreach (BaseAddressRegister register in function.BaseAddresses)
        {
            if (!register.IsAssigned)
            {
                continue;
            }

            AddressRange range = new AddressRange(register.Address, register.Length);
            if (register.IsIo)
            {
                _pools[(int)BridgeWindow.Io].Release(range);
            }
            else
            {
                // It is taken in one of the two, which are the same on a root bus.
                _pools[(int)BridgeWindow.Memory].Release(range);
                _pools[(int)BridgeWindow.Prefetchable].Release(range);
            }
        }
    }

    private static bool Contains(PciFunction[] functions, PciFunction function)
    {
        bool isThere = false;
        for (int index = 0; index < functions.Length; index++)
        {
            isThere |= functions[index] == function;
        }

        return isThere;
    }

    private static bool IsHostBridge(PciFunction function) =>
        function.BaseClass == PciClass.Bridge && function.Subclass == PciClass.HostBridge;

    private static bool Decodes(PciFunction function, BaseAddressRegister register) =>
        register.IsIo ? function.IoDecode : function.MemoryDecode;

    private void ClaimRegisters(bool decoding)
    {
        for (int index = 0; index < _functions.Count; index++)
        {
            PciFunction function = _functions[index];
            foreach (BaseAddressRegister register in function.BaseAddresses)
            {
                if (!register.IsAssigned || Decodes(function, register) != decoding)
                {
                    continue;
                }

                AddressRange range = new AddressRange(register.Address, register.Length);
                bool isTaken = register.IsIo
                    ? TryTake(BridgeWindow.Io, range)
                    : TryTake(BridgeWindow.Memory, range) || TryTake(BridgeWindow.Prefetchable, range);
                if (!isTaken)
                {
                    register.Unplace();
                }
            }
        }
    }

    private bool TryTake(BridgeWindow window, AddressRange range) =>
        IsRoot ? _pools[(int)window].TryTake(range) : _pools[(int)window].TryTakeInside(range);

    /// <summary>Keeps the windows of this bus' bridge that the bus above reaches, and closes the others.</summary>
    private void ClaimWindows(BusResources above)
    {
        PciBridge bridge = _upstream!.Bridge!;
        foreach (BridgeWindow window in s_windows)
        {
            AddressRange range = bridge.Window(window);
            bool isKept = above.TryTake(window, range)
                || (window == BridgeWindow.Prefetchable && above.TryTake(BridgeWindow.Memory, range));
            if (isKept)
            {
                _pools[(int)window].AddWindow(range);
            }
            else
            {
                bridge.Close(window);
            }

            _isOpen[(int)window] = isKept;
            _reach[(int)window] = bridge.Reach(window);
        }
    }

    /// <summary>Which demands of this bus are for a window, those with the greatest alignment first.</summary>
    private List<BusDemand> Demands(BridgeWindow window)
    {
        List<BusDemand> demands = new List<BusDemand>();
        for (int index = 0; index < _functions.Count; index++)
        {
            PciFunction function = _functions[index];
            foreach (BaseAddressRegister register in function.BaseAddresses)
            {
                if (!register.IsAssigned && !IsHostBridge(function) && WindowFor(register) == window)
                {
                    BusDemand.Insert(demands, BusDemand.Of(function, register));
                }
            }
        }

        for (int index = 0; index < _behind.Count; index++)
        {
            BusResources bus = _behind[index];
            foreach (BridgeWindow below in s_windows)
            {
                if (!bus._isOpen[(int)below] && bus._reach[(int)below] != 0 && WindowFor(below) == window)
                {
                    BusDemand? demand = bus.DemandOf(below);
                    if (demand != null)
                    {
                        BusDemand.Insert(demands, demand);
                    }
                }
            }
        }

        return demands;
    }

    /// <summary>What a closed window wants, without those demands behind it that no address space could hold.</summary>
    private BusDemand? DemandOf(BridgeWindow window)
    {
        List<BusDemand> demands = Demands(window);
        for (int first = _leftOut[(int)window]; first < demands.Count; first++)
        {
            BusDemand? demand = BusDemand.Of(this, window, demands, first);
            if (demand != null)
            {
                return demand;
            }
        }

        return null;
    }

    private BridgeWindow WindowFor(BaseAddressRegister register)
    {
        if (register.IsIo)
        {
            return BridgeWindow.Io;
        }

        bool isPrefetchable = register.IsPrefetchable && register.Kind == BaseAddressKind.Memory64;
        return WindowFor(isPrefetchable ? BridgeWindow.Prefetchable : BridgeWindow.Memory);
    }

    /// <summary>
    /// Where a bridge cannot tell prefetchable memory apart, and on a root bus, it is memory like any other.
    /// </summary>
    private BridgeWindow WindowFor(BridgeWindow wanted) =>
        wanted == BridgeWindow.Prefetchable && (IsRoot || _reach[(int)wanted] == 0) ? BridgeWindow.Memory : wanted;

    /// <summary>
    /// Opens a window of this bus' bridge for as many demands behind it as the bus above has room for.
    /// </summary>
    private void Open(BusResources? above, BridgeWindow window)
    {
        List<BusDemand> demands = Demands(window);
        for (int first = _leftOut[(int)window]; above != null && first < demands.Count; first++)
        {
            BusDemand? demand = BusDemand.Of(this, window, demands, first);
            if (demand != null
                && above.TryAllocate(window, demand, _reach[(int)window], out AddressRange range))
            {
                _leftOut[(int)window] = first;
                if (_upstream!.Bridge!.TryOpen(window, range))
                {
                    _isOpen[(int)window] = true;
                    _pools[(int)window].AddWindow(range);
                }

                return;
            }
        }
    }

    private bool TryAllocate(BridgeWindow window, BusDemand demand, ulong last, out AddressRange range) =>
        _pools[(int)WindowFor(window)].TryAllocate(demand.Length, demand.Alignment, last, out range)
        || (window == BridgeWindow.Prefetchable && _pools[(int)BridgeWindow.Memory].TryAllocate(
            demand.Length, demand.Alignment, last, out range));

    private bool TryPlace(BusDemand demand)
    {
        BaseAddressRegister register = demand.Register!;
        return TryAllocate(WindowFor(register), demand, register.LastAddress, out AddressRange range)
            && demand.Function!.TryPlace(register, range.Start);
    }

    /// <summary>
    /// Names a range that stays without an address, and keeps it from answering where it is not expected.
    /// </summary>
    private void GiveUp(PciFunction function, BaseAddressRegister register)
    {
        _log.Warning(function.Address.ToString() + ": no address for base address "
            + Hexadecimal.Format((uint)register.Index) + " (0x" + Hexadecimal.Format(register.Length) + " bytes)");
        if (function.BaseClass is PciClass.Display or PciClass.Bridge)
        {
            return;
        }

        if (register.IsIo)
        {
            function.IoDecode = false;
        }
        else
        {
            function.MemoryDecode = false;
        }
    }
}
