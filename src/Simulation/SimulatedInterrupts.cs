using System;
using System.Collections.Generic;
using VirtioGuest.Hal;

namespace VirtioGuest.Simulation;

/// <summary>
/// Interrupts that call their handlers at once, or when the test delivers them. Lines are level-triggered.
/// </summary>
public sealed class SimulatedInterrupts : InterruptController
{
    /// <summary>The last line there is.</summary>
    public const byte LastLine = 15;

    private const ulong MessageAddress = 0xFEE0_0000;
    private const uint FirstVector = 0x40;

    /// <summary>How often a line that nobody claims is served before it is masked.</summary>
    private const int UnclaimedLimit = 1000;

    /// <summary>How many calls a raised line gets in a row, claimed or not, before it is masked.</summary>
    private const int ServiceLimit = 10_000;

    private readonly List<SimulatedMessage> _messages = [];
    private readonly List<SimulatedLine> _lines = [];
    private readonly Queue<SimulatedMessage> _pending = new();
    private readonly HashSet<byte> _raised = [];
    private readonly HashSet<byte> _pulsed = [];
    private bool _isServingLines;

    /// <summary>How many messages are still to be given out.</summary>
    public int MessagesLeft { get; set; } = int.MaxValue;

    /// <summary>Whether the machine has messages at all.</summary>
    public bool MessagesExist { get; set; } = true;

    /// <summary>Whether the machine has lines at all.</summary>
    public bool LinesExist { get; set; } = true;

    /// <summary>Whether interrupts wait for <see cref="Deliver"/>.</summary>
    public bool IsQueued { get; set; }

    /// <summary>How many messages came that nobody waits for.</summary>
    public int Spurious { get; private set; }

    /// <summary>The lines that were masked, because they stayed raised whatever the handlers did.</summary>
    public List<byte> MaskedLines { get; } = [];

    /// <inheritdoc/>
    public override bool HasMessages => MessagesExist;

    /// <summary>The names of the messages that are in use.</summary>
    public IEnumerable<string> NamesInUse
    {
        get
        {
            foreach (SimulatedMessage message in _messages)
            {
                if (!message.IsReleased)
                {
                    yield return message.Name;
                }
            }
        }
    }

    /// <inheritdoc/>
    public override MessageInterrupt? AllocateMessage(string name, InterruptHandler handler)
    {
        if (!MessagesExist || MessagesLeft == 0)
        {
            return null;
        }

        MessagesLeft--;
        SimulatedMessage message = new SimulatedMessage(
            this, name, handler, MessageAddress, FirstVector + (uint)_messages.Count);
        _messages.Add(message);
        return message;
    }

    /// <inheritdoc/>
    public override LineInterrupt? AttachLine(byte line, string name, InterruptHandler handler)
    {
        if (!LinesExist || line > LastLine)
        {
            return null;
        }

        SimulatedLine share = new SimulatedLine(this, line, handler);
        _lines.Add(share);
        return share;
    }

    /// <summary>A device sends a message.</summary>
    public void Send(ulong address, uint data)
    {
        SimulatedMessage? message = _messages.Find(m => m.Address == address && m.Data == data && !m.IsReleased);
        if (message == null)
        {
            Spurious++;
            return;
        }

        message.IsPending = true;
        _pending.Enqueue(message);
        DeliverAtOnce();
    }

    /// <summary>A device raises its line, which stays so until it lowers it.</summary>
    public void RaiseLine(byte line)
    {
        _raised.Add(line);
        DeliverAtOnce();
    }

    /// <summary>A device lowers its line.</summary>
    public void LowerLine(byte line) => _raised.Remove(line);

    /// <summary>A device raises its line and lowers it at once, as seen where lines are edge-triggered.</summary>
    public void PulseLine(byte line)
    {
        _pulsed.Add(line);
        DeliverAtOnce();
    }

    /// <summary>Calls the handlers of what is pending, and of what becomes pending meanwhile.</summary>
    /// <param name="limit">
    /// How many messages, and rounds of each line, at most: a hostile device asks again for every answer.
    /// </param>
    /// <returns>How many handlers were called.</returns>
    public int Deliver(int limit = int.MaxValue)
    {
        int calls = 0;
        for (int i = 0; i < limit && _pending.TryDequeue(out SimulatedMessage? message); i++)
        {
            calls += message.Deliver() ? 1 : 0;
        }

        // A handler that makes its device raise the line again is served by the loop that called it.
        if (!_isServingLines)
        {
            _isServingLines = true;
            try
            {
                for (byte line = 0; line <= LastLine; line++)
                {
                    calls += _pulsed.Remove(line) && !MaskedLines.Contains(line) ? Call(line, out _) : 0;
                    calls += Serve(line, limit);
                }
            }
            finally
            {
                _isServingLines = false;
            }
        }

        return calls;
    }

    /// <summary>Takes a handler off its line.</summary>
    internal void Detach(SimulatedLine share) => _lines.Remove(share);

    private void DeliverAtOnce()
    {
        if (!IsQueued)
        {
            Deliver();
        }
    }

    /// <summary>Calls every handler of a line once.</summary>
    private int Call(byte line, out bool isClaimed)
    {
        int calls = 0;
        isClaimed = false;
        foreach (SimulatedLine share in _lines.FindAll(l => l.Line == line))
        {
            calls++;
            isClaimed |= share.Deliver();
        }

        return calls;
    }

    private int Serve(byte line, int limit)
    {
        int calls = 0;
        int unclaimed = 0;
        for (int i = 0; i < limit && _raised.Contains(line) && !MaskedLines.Contains(line); i++)
        {
            calls += Call(line, out bool isClaimed);
            unclaimed = isClaimed ? 0 : unclaimed + 1;
            if (unclaimed == UnclaimedLimit || calls >= ServiceLimit)
            {
                MaskedLines.Add(line);
            }
        }

        return calls;
    }
}
