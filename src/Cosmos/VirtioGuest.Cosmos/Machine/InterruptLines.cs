using System;
using VirtioGuest.Hal;
using VirtioGuest.Pci;

namespace VirtioGuest.Cosmos.Machine;

/// <summary>
/// The lines of the 8259 pair, shared out to any number of devices. Cosmos has no messages (MSI, MSI-X).
/// </summary>
/// <remarks>
/// Every line can be attached to: where no interrupt can come, <see cref="Poll"/> serves the devices instead.
/// </remarks>
public sealed class InterruptLines : InterruptController
{
    private const int LineCount = 16;

    /// <summary>Stands for numbers that no line has, such as the 0xFF of a function that firmware gave none.</summary>
    private const int Nowhere = LineCount;

    /// <summary>
    /// The lines that PCI functions get on a PC: 3 to 7 and 9 to 11. The others are the timer's, the keyboard's, the
    /// cascade's, the clock's, the mouse's, the coprocessor's and those of the two IDE channels.
    /// </summary>
    private const uint LinesOfFunctions = 0x0EF8;

    private readonly SharedLine[] _lines = new SharedLine[LineCount + 1];

    /// <summary>Describes the lines; nothing is connected yet.</summary>
    internal InterruptLines(Platform platform, TimestampClock clock, DeviceLog log)
    {
        for (int i = 0; i < _lines.Length; i++)
        {
            _lines[i] = new SharedLine(platform, clock, log, (byte)i);
            if ((LinesOfFunctions & (1u << i)) == 0)
            {
                _lines[i].LeaveTo(isForeign: false);
            }
        }
    }

    /// <inheritdoc/>
    public override bool HasMessages => false;

    /// <summary>Leaves a line to a driver of Cosmos' own, before anything is attached to it.</summary>
    /// <remarks>Cosmos calls one handler for each line, and gives no way to ask whose that is.</remarks>
    public void LeaveAlone(byte line) => Find(line).LeaveTo(isForeign: true);

    /// <summary>Whether devices must not raise a line, because no interrupt of theirs would be served.</summary>
    public bool IsPolled(byte line) => Find(line).IsPolled;

    /// <summary>Whether a line is one that was left to somebody else, who may be using it.</summary>
    public bool IsForeign(byte line) => line < LineCount && _lines[line].IsForeign;

    /// <summary>Serves the devices on lines that do not interrupt.</summary>
    public void Poll()
    {
        for (int i = 0; i < _lines.Length; i++)
        {
            _lines[i].Poll();
        }
    }

    /// <inheritdoc/>
    public override MessageInterrupt? AllocateMessage(string name, InterruptHandler handler) => null;

    /// <inheritdoc/>
    public override LineInterrupt? AttachLine(byte line, string name, InterruptHandler handler) =>
        Find(line).Add(line, handler);

    private SharedLine Find(byte line) => _lines[line < LineCount ? line : Nowhere];
}

/// <summary>
/// An interrupt line and all devices of ours on it. Cosmos calls one handler for each line, so this one calls all of
/// theirs: the line is level-triggered, and whoever asked keeps it raised until it is served.
/// </summary>
/// <remarks>
/// A line that interrupts could hold the processor with is masked and polled instead: for good where nobody claims it,
/// until the next poll where devices ask faster than they can be served.
/// </remarks>
internal sealed class SharedLine : LineService
{
    /// <summary>
    /// How many interrupts in a row may come so soon after the one before that the interrupted program did next to
    /// nothing between them.
    /// </summary>
    private const int RushLimit = 256;

    private const ulong RushMicroseconds = 20;

    private readonly Platform _platform;
    private readonly TimestampClock _clock;
    private readonly DeviceLog _log;
    private readonly byte _line;
    private LineShare[] _shares = Array.Empty<LineShare>();
    private ulong _lastEnd;
    private int _unclaimed;
    private int _rushed;
    private bool _isConnected;
    private bool _isHeld;
    private bool _isServing;
    private bool _hasWarned;

    /// <summary>Describes a line; nothing is connected yet.</summary>
    internal SharedLine(Platform platform, TimestampClock clock, DeviceLog log, byte line)
    {
        _platform = platform;
        _clock = clock;
        _log = log;
        _line = line;
    }

    /// <summary>Whether its devices must not raise it: somebody else is called for it, or nobody can be.</summary>
    internal bool IsPolled { get; private set; }

    /// <summary>Whether a driver of somebody else's is called for it.</summary>
    internal bool IsForeign { get; private set; }

    /// <summary>Leaves the line to somebody else, or to nobody, before anything is attached to it.</summary>
    internal void LeaveTo(bool isForeign)
    {
        IsPolled = true;
        IsForeign |= isForeign;
    }

    /// <summary>Adds a handler.</summary>
    internal LineShare Add(byte line, InterruptHandler handler)
    {
        var share = new LineShare(this, line, handler);
        var shares = new LineShare[_shares.Length + 1];
        for (int i = 0; i < _shares.Length; i++)
        {
            shares[i] = _shares[i];
        }

        shares[_shares.Length] = share;
        _shares = shares;
        if (!IsPolled && !_isConnected)
        {
            _isConnected = true;
            _platform.Connect(_line, this);
            _platform.SetMask(_line, isMasked: false);
        }

        return share;
    }

    /// <summary>Takes a handler off.</summary>
    internal void Remove(LineShare share)
    {
        int count = 0;
        for (int i = 0; i < _shares.Length; i++)
        {
            count += _shares[i] == share ? 0 : 1;
        }

        // A new list: the one there is may be being gone through.
        var shares = new LineShare[count];
        int next = 0;
        for (int i = 0; i < _shares.Length; i++)
        {
            if (_shares[i] != share)
            {
                shares[next++] = _shares[i];
            }
        }

        _shares = shares;
    }

    public override void OnLine()
    {
        if (_isServing)
        {
            return;
        }

        ulong gap = _platform.Timestamp - _lastEnd;
        bool isClaimed = Serve();
        bool isRushed = _clock.TicksPerMillisecond == 0
            ? !isClaimed
            : gap * 1000 < RushMicroseconds * _clock.TicksPerMillisecond;
        _unclaimed = isClaimed ? 0 : _unclaimed + 1;
        _rushed = isRushed ? _rushed + 1 : 0;
        _lastEnd = _platform.Timestamp;
        if (_rushed >= RushLimit)
        {
            _rushed = 0;
            Mask(isForGood: _unclaimed >= RushLimit);
        }
    }

    /// <summary>Serves the devices of a line that does not interrupt, and lets it interrupt again if it may.</summary>
    internal void Poll()
    {
        if ((IsPolled || _isHeld) && !_isServing)
        {
            Serve();
            if (_isHeld && !IsPolled)
            {
                _isHeld = false;
                _platform.SetMask(_line, isMasked: false);
            }
        }
    }

    /// <summary>Calls every handler: each of the devices may have asked.</summary>
    private bool Serve()
    {
        // Handlers allocate, and Cosmos' heap turns interrupts on: a timer may come in between, and poll.
        _isServing = true;
        LineShare[] shares = _shares;
        bool isClaimed = false;
        for (int i = 0; i < shares.Length; i++)
        {
            isClaimed |= shares[i].Serve();
        }

        _isServing = false;
        return isClaimed;
    }

    private void Mask(bool isForGood)
    {
        _platform.SetMask(_line, isMasked: true);
        if (isForGood)
        {
            IsPolled = true;
            Warn("is raised by no device of ours: masked, its devices are polled");
        }
        else
        {
            _isHeld = true;
            if (!_hasWarned)
            {
                _hasWarned = true;
                Warn("leaves the processor no time: masked until the next poll, whenever it does so");
            }
        }
    }

    private void Warn(string what) => _log.Warning("interrupt line " + DecimalText.Of(_line) + " " + what);
}

/// <summary>One handler's share of a line.</summary>
internal sealed class LineShare : LineInterrupt
{
    private readonly SharedLine _owner;
    private readonly InterruptHandler _handler;
    private ulong _count;
    private bool _isReleased;

    /// <summary>Describes a handler.</summary>
    /// <param name="owner">The line that serves it.</param>
    /// <param name="line">The line's number, as the function gives it.</param>
    /// <param name="handler">Who serves the device.</param>
    internal LineShare(SharedLine owner, byte line, InterruptHandler handler)
        : base(line)
    {
        _owner = owner;
        _handler = handler;
    }

    public override ulong Count => _count;

    public override void Release()
    {
        // It may be in the list that is being gone through.
        _isReleased = true;
        _owner.Remove(this);
    }

    /// <summary>Calls the handler.</summary>
    /// <returns>Whether the device had asked.</returns>
    internal bool Serve()
    {
        if (_isReleased)
        {
            return false;
        }

        _count++;
        return _handler.OnInterrupt();
    }
}
