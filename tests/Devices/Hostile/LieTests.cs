using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices.Hostile;

namespace VirtioGuest.Devices.Tests.Hostile;

/// <summary>Lies are what they are said to be, and a seed tells the same ones each time.</summary>
internal sealed class LieTests
{
    [Test]
    public void The_same_seed_makes_the_same_choices_and_another_one_others()
    {
        uint[] first = Draw(7);
        Assert.That(Draw(7), Is.EqualTo(first));
        Assert.That(Draw(8), Is.Not.EqualTo(first));
        Assert.That(new SeededRandom(-3).Seed, Is.EqualTo(-3));
    }

    [Test]
    public void Choices_stay_below_their_limit_and_reach_all_of_it()
    {
        SeededRandom random = new(1);
        int[] drawn = [.. Enumerable.Range(0, 1000).Select(_ => random.Below(5))];
        Assert.That(drawn.Distinct().Order(), Is.EqualTo(new[] { 0, 1, 2, 3, 4 }));
        Assert.That(Enumerable.Range(0, 1000).Count(_ => random.Chance(30)), Is.InRange(200, 400));
        Assert.That(Enumerable.Range(0, 1000).Any(_ => random.Edge() == uint.MaxValue), Is.True);
    }

    [TestCase(LieKind.Constant, new uint[] { 9, 9, 9, 9 })]
    [TestCase(LieKind.WrongBits, new uint[] { 0x49, 0x49, 0x49, 0x49 })]
    [TestCase(LieKind.Counting, new uint[] { 1, 2, 3, 4 })]
    [TestCase(LieKind.EveryOther, new uint[] { 9, 0x40, 9, 0x40 })]
    public void A_lie_has_its_way_after_some_truths(LieKind kind, uint[] answers)
    {
        RegisterLie lie = new(0x10, 2, kind, 9, 3, new SeededRandom(1));
        Assert.That(Enumerable.Range(0, 3).Select(_ => lie.Answer(0x40)), Is.All.EqualTo(0x40));
        Assert.That(answers.Select(_ => lie.Answer(0x40)), Is.EqualTo(answers));
    }

    [Test]
    public void Anything_differs_from_one_time_to_the_next()
    {
        RegisterLie lie = new(0, 4, LieKind.Anything, 0, 0, new SeededRandom(1));
        Assert.That(Enumerable.Range(0, 20).Select(_ => lie.Answer(0)).Distinct().Count(), Is.GreaterThan(5));
    }

    [Test]
    public void Only_the_place_that_a_lie_is_about_is_lied_about_within_its_width()
    {
        LyingRegisters registers = new();
        registers.Add(new RegisterLie(0x10, 2, LieKind.Constant, 0x1234_5678, 0, new SeededRandom(1)));
        registers.Add(new RegisterLie(0x11, 4, LieKind.Constant, 0, 0, new SeededRandom(1)));
        Assert.That(registers.Read(0x0F, 1, 0xAA), Is.EqualTo(0xAA));
        Assert.That(registers.Read(0x10, 1, 0xAA), Is.EqualTo(0x78));
        Assert.That(registers.Read(0x11, 2, 0xAA), Is.EqualTo(0x5678), "the first one counts");
        Assert.That(registers.Read(0x10, 4, 0xAA), Is.EqualTo(0x1234_5678));
        Assert.That(registers.Read(0x14, 4, 0xAA), Is.Zero);
        Assert.That(registers.Read(0x15, 4, 0xAA), Is.EqualTo(0xAA));
    }

    private static uint[] Draw(int seed)
    {
        SeededRandom random = new(seed);
        byte[] bytes = new byte[4];
        random.Fill(bytes);
        return [random.Bits(), random.Edge(), (uint)random.Below(1000), BitConverter.ToUInt32(bytes)];
    }
}
