using System;
using VirtioGuest.Conformance.Events;

namespace VirtioGuest.Conformance.Judge;

/// <summary>
/// Rules about one subject. Each is told of every event, with the device as it was before, and says of each requirement
/// whether it was kept wherever there was something to judge.
/// </summary>
internal abstract class RuleSet
{
    private JudgedDevice? _judged;

    /// <summary>The device as the driver had set it up before the present event.</summary>
    protected DeviceView Device => _judged!.View;

    public void Attach(JudgedDevice judged) => _judged = judged;

    /// <summary>A register, or configuration space, is accessed.</summary>
    public virtual void OnAccess(Access access)
    {
    }

    /// <summary>The device is live, and nobody saw how it came to be.</summary>
    public virtual void OnLive(BecameLive live)
    {
    }

    /// <summary>The device takes a buffer.</summary>
    public virtual void OnTaken(BufferTaken taken)
    {
    }

    /// <summary>The device is about to give a buffer back.</summary>
    public virtual void OnUsed(BufferUsed used)
    {
    }

    /// <summary>A ring is looked at.</summary>
    public virtual void OnSeen(RingSeen seen)
    {
    }

    /// <summary>The device gives a ring up.</summary>
    public virtual void OnBroken(RingBroken broken)
    {
    }

    /// <summary>Both sides are at rest, or there are no more events.</summary>
    public virtual void OnRest()
    {
    }

    /// <summary>Says whether a requirement was kept.</summary>
    /// <param name="id">The requirement.</param>
    /// <param name="isKept">Whether it was.</param>
    /// <param name="place">Where.</param>
    /// <param name="text">What the driver did, where it was not.</param>
    protected void Expect(string id, bool isKept, string place, FormattableString text) =>
        _judged!.Expect(id, isKept, place, text);

    /// <summary>How a queue is called in verdicts.</summary>
    protected static string PlaceOf(int queue) => $"queue {queue}";
}
